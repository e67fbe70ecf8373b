"""Secrets whose files are newer than the containers that read them.

Compose mounts the file itself, and a file that is replaced is another one: a container goes on seeing what was there
when it started. So whoever changes a secret notes its name first, and `floe up` makes the readers anew.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path

from floe_images.engine.compose import ComposeProject
from floe_images.engine.docker.ask import remove_readers
from floe_images.engine.docker.connect import connect
from floe_images.errors import disk_error
from floe_images.image.place import COMPOSE
from floe_images.progress import Progress

_FOLDER = "changed-secrets"  # beside compose's files: one empty file a name


def note_changed(base: Path, names: Iterable[str]) -> None:
    """To be called before a secret of the project in ``base`` is written. Where nothing was ever up, nothing is noted.

    Raises DiskError, DiskFullError.
    """
    folder = base / COMPOSE
    if not folder.is_dir():
        return
    try:
        (folder / _FOLDER).mkdir(exist_ok=True)
        for name in names:
            (folder / _FOLDER / name).touch()
    except OSError as error:
        raise disk_error(error, str(folder / _FOLDER)) from error


def renew_readers(project: ComposeProject, progress: Progress) -> None:
    """Remove the containers that have an older file than the one that is there; compose makes them anew.

    Raises EngineError.
    """
    notes = [path for file in project.files[:1] for path in sorted((file.parent / _FOLDER).glob("*"))]
    if not notes:
        return
    with connect() as engine:
        names = tuple(path.name for path in notes)
        for service in remove_readers(engine, project.name, names):
            progress.note(f"{service}: is made anew, since a secret of it has changed")
    for path in notes:
        with contextlib.suppress(OSError):
            path.unlink()
