"""``floe restore``: a backup's volumes, as they were, on a machine where the platform is down."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from floe_images import __version__
from floe_images.engine.compose import states
from floe_images.engine.docker.connect import Engine, connect
from floe_images.engine.docker.tidy import remove_orphans, remove_volume
from floe_images.engine.docker.volumes import Carriers, carriers, make_compose_volume, volumes
from floe_images.errors import EngineError, ServiceError, UsageError
from floe_images.plan.places import volume_name
from floe_images.progress import Progress
from floe_images.site.backup_file import Backup, KeptVolume, read_backup, unpacked, verify_content
from floe_images.site.restoring import KEY, is_marked, kept_volumes, mark, unmark
from floe_images.site.volume_tar import read_content
from floe_images.spec.load import Loaded


def restore_backup(loaded: Loaded, path: Path, *, replace: bool, progress: Progress) -> Backup:
    """Make the volumes of the backup ``path``; ``replace``: those that are there are thrown away, once it is verified.

    What fails, or is interrupted, leaves no volume; what is killed leaves a mark that `floe up` sees. Raises UsageError
    for what is no backup of this project, WrongHashError and HostileArchiveError for a damaged one, ServiceError where
    the platform is up or its volumes are there, EngineError.
    """
    name = loaded.spec.name
    with connect() as engine:
        remove_orphans(engine)
        begun = is_marked(engine, name)
        _check_down(engine, name, replace=replace or begun)
        progress.phase("verify")
        backup = read_backup(path)
        _check_fits(backup, name, path)
        for volume in backup.volumes:
            progress.total(volume.name, volume.content.size)
            verify_content(path, volume, lambda data, key=volume.name: progress.advance(key, len(data)))  # type: ignore[misc]
        _tell_differences(loaded, backup, progress)
        _check_ours(engine, name, backup)
        progress.phase("restore")
        mark(engine, name)
        made = [volume_name(name, each.name) for each in backup.volumes]
        try:
            _remove(engine, {*made, *(volume_name(name, key) for key in kept_volumes(engine, name))})
            with carriers(engine) as carried:
                for volume, full in zip(backup.volumes, made, strict=True):
                    make_compose_volume(engine, full, project=name, key=volume.name)
                    _fill(carried, full, path, volume)
        except BaseException:
            progress.note("taking back what was restored")
            _remove(engine, made)
            unmark(engine, name)
            raise
        unmark(engine, name)
    return backup


def _check_down(engine: Engine, name: str, *, replace: bool) -> None:
    found = states(name)
    if found:
        raise ServiceError(
            f"the platform's containers are there: {', '.join(state.service for state in found)}",
            hint="`floe down` removes them",
        )
    kept = [volume_name(name, key) for key in kept_volumes(engine, name)]
    if kept and not replace:
        raise ServiceError(
            f"there are volumes already: {', '.join(kept)}",
            hint="`--replace` throws them away, once the backup has been verified; `floe backup` keeps them",
        )


def _check_fits(backup: Backup, name: str, path: Path) -> None:
    if backup.project != name:
        raise UsageError(f"a backup of {backup.project}, and floe.yaml has {name}", where=str(path))
    if KEY in {volume.name for volume in backup.volumes}:
        raise UsageError(f"it has a volume {KEY!r}, which no platform has", where=str(path))


def _check_ours(engine: Engine, name: str, backup: Backup) -> None:
    """A volume of another project's may have a name that looks like ours: ``a-b`` and ``state``, ``a`` and
    ``b-state``."""
    wanted = {volume_name(name, each.name) for each in backup.volumes}
    for each in volumes(engine):
        if each.name in wanted and each.project not in (name, None):
            raise UsageError(f"the volume {each.name} belongs to {each.project}", hint="remove or rename that project")


def _tell_differences(loaded: Loaded, backup: Backup, progress: Progress) -> None:
    lock = loaded.base / "floe.lock"
    if not lock.is_file() or hashlib.sha256(lock.read_bytes()).hexdigest() != backup.lock:
        progress.note("it was made with another floe.lock: the services' versions may differ from those that wrote it")
    if backup.floe != __version__:
        progress.note(f"it was made by floe {backup.floe}; this is {__version__}")


def _remove(engine: Engine, names: Sequence[str] | set[str]) -> None:
    for each in sorted(names):
        remove_volume(engine, each)


def _fill(carried: Carriers, full: str, path: Path, volume: KeptVolume) -> None:
    """Write it, and read it back."""
    carried.fill(full, unpacked(path, volume))
    with carried.content(full) as chunks:
        found = read_content(_all(chunks), lambda _: None, where=full)
    if (found.entries, found.digest) != (volume.content.entries, volume.content.digest):
        raise EngineError(f"the engine wrote something else into the volume {full} than it was given")


def _all(chunks: Iterator[bytes]) -> Iterator[bytes]:
    yield from chunks
