"""``floe backup``: everything that the platform keeps, of one moment, in one file. Secrets are not in it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

from floe_images import __version__
from floe_images.engine.compose import ComposeProject, check_owner, states
from floe_images.engine.docker.connect import Engine, connect
from floe_images.engine.docker.tidy import remove_orphans
from floe_images.engine.docker.volumes import carriers
from floe_images.errors import ServiceError
from floe_images.plan.places import volume_name
from floe_images.plan.secrets import named_secrets
from floe_images.progress import Progress
from floe_images.render.artifacts import compile_artifacts
from floe_images.site.backup_file import Backup, BackupWriter, KeptImage
from floe_images.site.composition import composition, service_names
from floe_images.site.pause import Pace, standing_still
from floe_images.site.restoring import check_whole, kept_volumes
from floe_images.spec.load import Loaded

_OFF = ("ended", "stopped", "failed", "created")


def take_backup(loaded: Loaded, path: Path, *, pace: Pace, progress: Progress) -> Backup:
    """Write ``path``, whole or not at all, while the platform stands still; then it runs again as it did.

    Raises ServiceError where nothing is kept, where runs are under way or where the platform does not come up again;
    EngineError, DiskError, DiskFullError.
    """
    name, project = loaded.spec.name, composition(loaded)
    check_owner(project)
    with connect() as engine:
        remove_orphans(engine)
        check_whole(engine, name)
        kept = kept_volumes(engine, name)
        if not kept:
            raise ServiceError(f"nothing is kept: {name} has no volume", hint="`floe up` makes the platform")
        with BackupWriter(path) as writer, standing_still(project, engine, pace, progress), carriers(engine) as carried:
            progress.phase("backup")
            done = []
            for key in kept:
                with carried.content(volume_name(name, key)) as chunks:
                    done.append(writer.volume(key, _counted(chunks, key, progress)))
            up = [state.service for state in states(name) if state.health not in _OFF]
            if up:
                raise ServiceError(f"started while it was backed up: {', '.join(up)}", hint="run `floe backup` again")
            backup = Backup(
                project=name,
                made=datetime.now(timezone.utc).isoformat(timespec="seconds"),
                floe=__version__,
                lock=_digest(loaded.base / "floe.lock"),
                images=tuple(_images(project, engine)),
                secrets=tuple(
                    each.name
                    for each in named_secrets(compile_artifacts(loaded.spec, None), service_names(loaded.spec))
                ),
                volumes=tuple(done),
            )
            progress.phase("verify")
            writer.finish(backup)
    return backup


def _counted(chunks: Iterator[bytes], key: str, progress: Progress) -> Iterator[bytes]:
    for chunk in chunks:
        progress.advance(key, len(chunk))
        yield chunk


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def _images(project: ComposeProject, engine: Engine) -> Iterator[KeptImage]:
    import docker.errors
    import yaml

    for file in project.files:
        for service, settings in sorted(yaml.safe_load(file.read_bytes())["services"].items()):
            try:
                found = str(engine.client.api.inspect_image(settings["image"])["Id"])  # type: ignore[no-untyped-call]
            except docker.errors.ImageNotFound:
                found = None
            yield KeptImage(service=service, reference=settings["image"], id=found)
