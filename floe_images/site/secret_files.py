"""Secrets of a project as files: made once, listed without values, set. The folder is for its owner alone.

Compose mounts a file with its own mode, and the containers' user is another one: so the files may be read by whoever
gets to them, and only the owner gets into the folder.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from floe_images.engine.write import write_whole
from floe_images.errors import disk_error
from floe_images.plan.secrets import NamedSecret, make_value

_FOLDER, _FILE = 0o700, 0o444


def there(folder: Path, name: str) -> bool:
    """Whether a secret has a value. Raises DiskError for what cannot be looked at."""
    try:
        return (folder / name).is_file() and (folder / name).stat().st_size > 0
    except OSError as error:
        raise disk_error(error, str(folder / name)) from error


def make_missing(folder: Path, named: Iterable[NamedSecret]) -> tuple[str, ...]:
    """Make what floe's own services ask for and what is not there; the names of what was made. Raises DiskError."""
    made = []
    for each in named:
        if each.form not in (None, "polaris") and not there(folder, each.name):
            write_secret(folder, each.name, make_value(each.form))
            made.append(each.name)
    return tuple(made)


def write_secret(folder: Path, name: str, value: str) -> None:
    """Whole or not at all. Raises DiskError, DiskFullError."""
    try:
        folder.mkdir(mode=_FOLDER, parents=True, exist_ok=True)
        folder.chmod(_FOLDER)
        write_whole(folder / name, f"{value}\n".encode(), mode=_FILE)
    except OSError as error:
        raise disk_error(error, str(folder / name)) from error
