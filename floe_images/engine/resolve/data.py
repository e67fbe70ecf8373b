"""The data files of a lock: found in a package of the index, unpacked in a stream to be hashed, nothing run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from floe_images.engine.fetch.http import hash_file
from floe_images.engine.fetch.member import open_member
from floe_images.engine.fetch.reach import Reach
from floe_images.engine.fetch.simple import IndexFile, PythonIndex, folder_files
from floe_images.engine.resolve.obtain import obtain
from floe_images.engine.resolve.uv import Upgrade
from floe_images.engine.store import Store
from floe_images.errors import ResolveError
from floe_images.lock.model import LockedData, LockedFile
from floe_images.progress import Progress
from floe_images.spec.image import DataSpec

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet
    from packaging.version import Version

_CHUNK = 1 << 20


def resolve_data(
    specs: Iterable[DataSpec],
    *,
    reach: Reach,
    store: Store,
    progress: Progress,
    previous: Sequence[LockedData] = (),
    upgrade: Upgrade | None = None,
    folders: Sequence[Path] = (),
) -> tuple[LockedData, ...]:
    """Sorted by name. Raises ResolveError for a package or a member that does not exist, HostileArchiveError for an
    archive that no honest package has, and the leaves for mirrors."""
    index = PythonIndex(reach.http, reach.index)
    upgrade = upgrade or Upgrade()
    kept = {} if upgrade.everything else {data.package: data.version for data in previous}
    fetched: dict[str, Path] = {}  # several data files may lie in one package
    found = []
    for spec in sorted(specs, key=lambda spec: spec.name):
        progress.note(f"looking at data {spec.name}")
        found.append(_resolve(spec, index, reach, store, kept, upgrade, folders, fetched))
    return tuple(found)


def _resolve(
    spec: DataSpec,
    index: PythonIndex,
    reach: Reach,
    store: Store,
    kept: dict[str, str],
    upgrade: Upgrade,
    folders: Sequence[Path],
    fetched: dict[str, Path],
) -> LockedData:
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    requirement = Requirement(spec.package)
    project = canonicalize_name(requirement.name)
    candidates = [*folder_files(project, folders), *index.files(project)]
    pinned = None if project in upgrade.names else kept.get(project)
    version, file = _newest(requirement.specifier, candidates, pinned, spec)
    if file.url not in fetched:
        fetched[file.url] = obtain(file.url, file.size, file.sha256, http=reach.http, store=store)
    path = fetched[file.url]
    packed, found = hash_file(path)
    locked = LockedFile(name=file.name, size=packed, sha256=found.hexdigest())
    digest, size = hashlib.sha256(), 0
    with open_member(path, spec.member) as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return LockedData(
        name=spec.name,
        package=project,
        version=version,
        file=locked,
        member=spec.member,
        place=spec.place,
        sha256=digest.hexdigest(),
        size=size,
    )


def _newest(
    specifier: SpecifierSet, candidates: Iterable[IndexFile], pinned: str | None, spec: DataSpec
) -> tuple[str, IndexFile]:
    """The pinned version where it still fits, else the newest; of its files the sdist first, then a wheel."""
    from packaging.version import Version

    exact = any(one.operator in ("==", "===") for one in specifier)
    found: dict[Version, list[IndexFile]] = {}
    for file in candidates:
        version = _version_of(file.name)
        if version is not None and (exact or not file.yanked):
            found.setdefault(version, []).append(file)
    # `filter` lets a pre-release in only where it is asked for, or where there is nothing else.
    usable = {version: found[version] for version in specifier.filter(found)}
    if not usable:
        hint = "check data in floe.yaml, and the index (`floe doctor` says which is used)"
        raise ResolveError(f"the package index has no file of {spec.package}", where=f"data {spec.name}", hint=hint)
    kept = Version(pinned) if pinned else None
    version = kept if kept in usable and kept is not None else max(usable)
    return str(version), min(usable[version], key=lambda file: (file.name.endswith(".whl"), file.name))


def _version_of(name: str) -> Version | None:
    """The version in the name of an sdist or of a wheel for any platform; None for other files."""
    from packaging.utils import InvalidSdistFilename, InvalidWheelFilename, parse_sdist_filename, parse_wheel_filename

    try:
        if name.endswith("-any.whl"):
            return parse_wheel_filename(name)[1]
        return parse_sdist_filename(name)[1]
    except (InvalidSdistFilename, InvalidWheelFilename):
        return None
