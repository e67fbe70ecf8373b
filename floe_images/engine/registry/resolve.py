"""A reference → digests: what it stands for now, for every platform, and whether it still does."""

from __future__ import annotations

from collections.abc import Sequence

from floe_images.engine.registry.client import Repository
from floe_images.engine.registry.manifests import Index, Manifest, config_platform, pick, read_answer
from floe_images.engine.registry.place import Registries
from floe_images.errors import MirrorContentError, UsageError, WrongHashError
from floe_images.image.digest import Digest
from floe_images.image.platform import Platform
from floe_images.image.pulled import PulledName
from floe_images.image.words import Descriptor
from floe_images.lock.model import LockedImage, LockedManifest
from floe_images.progress import Progress


def resolve_image(
    service: str,
    reference: str,
    platforms: Sequence[Platform],
    *,
    registries: Registries,
    progress: Progress,
    pinned: PulledName | None = None,
    way: str = "",
) -> LockedImage:
    """The digests that ``reference`` has now, or had when it was ``pinned``. Every manifest and config is fetched and
    believed by its digest only.

    ``way`` is told where the registry cannot be had: what else could be done. Raises UsageError for what is no
    reference, ResolveError where a platform is missing, and the leaves for mirrors.
    """
    repository = open_repository(reference, registries, progress, way=way)
    data, kind = repository.manifest((pinned or repository.name).asked)
    answer = read_answer(data, kind, reference)
    index = Digest.of(data)
    if isinstance(answer, Manifest):
        answer = _alone(repository, answer, index, len(data))
    manifests = [_checked(repository, pick(answer, platform, reference), index, data) for platform in sorted(platforms)]
    return LockedImage(service=service, reference=reference, index=index, manifests=tuple(manifests))


def current_digest(reference: str, *, registries: Registries, progress: Progress, way: str = "") -> Digest:
    """What ``reference`` stands for now, by its registry. Raises as `resolve_image` does."""
    repository = open_repository(reference, registries, progress, way=way)
    return Digest.of(repository.manifest(repository.name.asked)[0])


def open_repository(reference: str, registries: Registries, progress: Progress, *, way: str = "") -> Repository:
    return Repository(read_name(reference), registries, progress, reference=reference, way=way)


def read_name(reference: str) -> PulledName:
    """Raises UsageError for what no engine would pull."""
    try:
        return PulledName.parse(reference)
    except ValueError as error:
        raise UsageError(str(error), hint="for example apache/polaris:1.8.0") from None


def _alone(repository: Repository, manifest: Manifest, digest: Digest, size: int) -> Index:
    """One platform's image under a tag of its own, as an index would name it."""
    told = config_platform(repository.small(manifest.config), repository.reference)
    try:
        platform = Platform.parse(told)
    except ValueError:
        return Index(entries=(), others=(told,))
    entry = Descriptor(media_type=manifest.media_type, digest=digest, size=size, platform=platform)
    return Index(entries=(entry,), others=())


def _checked(repository: Repository, entry: Descriptor, index: Digest, data: bytes) -> tuple[Platform, LockedManifest]:
    """The entry of the lock, once its manifest and its config are seen to be what the index says they are."""
    where = repository.reference
    assert entry.platform
    kind = entry.media_type
    if entry.digest != index:
        data, kind = repository.manifest(entry.digest)
        if len(data) != entry.size:
            raise WrongHashError("a manifest of another size than its index says", where=where)
    manifest = read_answer(data, kind, where)
    if not isinstance(manifest, Manifest):
        raise MirrorContentError("its index names an index as a platform's manifest", where=where)
    told = config_platform(repository.small(manifest.config), where)
    if told != str(entry.platform):
        raise MirrorContentError(
            f"its image for {entry.platform} says of itself that it is for {told}",
            where=where,
            hint="take another tag, or tell who publishes it",
        )
    return entry.platform, LockedManifest(digest=entry.digest, size=entry.size)
