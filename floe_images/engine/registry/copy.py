"""Locked images of a registry into the cache, byte for byte: manifests, configs and layers under their own hashes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from floe_images.engine.fetch.http_errors import PageMissingError
from floe_images.engine.fetch.partial import adopted, partial_file
from floe_images.engine.registry.client import Repository
from floe_images.engine.registry.manifests import Manifest, config_platform, read_answer
from floe_images.engine.store import Store
from floe_images.engine.verified import remember, verified
from floe_images.errors import (
    FloeError,
    MirrorContentError,
    NotCachedError,
    PackageGoneError,
    UsageError,
    WrongHashError,
)
from floe_images.image.copied import CopiedImage, CopiedLayer
from floe_images.image.digest import Digest
from floe_images.image.platform import Platform
from floe_images.image.words import FOREIGN_LAYERS, MANIFEST, Descriptor
from floe_images.lock.model import LockedImage, LockedManifest
from floe_images.progress import Progress

_PARALLEL = 4  # registries count requests, and few layers are most of an image

#: Opens the repository at its registry; called when the cache lacks something, and not before.
Opened = Callable[[], Repository]


def copy_image(
    locked: LockedImage,
    platforms: Sequence[Platform],
    *,
    opened: Opened,
    store: Store,
    progress: Progress,
    frozen: bool = False,
) -> tuple[CopiedImage, ...]:
    """The images of ``platforms``, whose bytes lie in the cache (kind ``downloads``) afterwards.

    With ``frozen`` nobody is asked: NotCachedError says that something is missing. Raises PackageGoneError where the
    registry no longer has a locked digest, UsageError for a platform that is not locked, and the leaves for mirrors
    and disks.
    """
    lacking = [platform for platform in platforms if platform not in dict(locked.manifests)]
    if lacking:
        raise UsageError(
            f"{lacking[0]} is not locked",
            where=f"services.{locked.service}",
            hint="image.platforms of floe.yaml, then `floe lock`",
        )
    copier = _Copier(locked, opened, store, progress, frozen=frozen)
    images = [copier.image(platform, dict(locked.manifests)[platform]) for platform in platforms]
    copier.layers([layer for _, manifest, _, _ in images for layer in manifest.layers])
    return tuple(
        CopiedImage(
            platform=platform,
            media_type=manifest.media_type,
            manifest=data,
            config=config,
            layers=tuple(
                CopiedLayer(digest=layer.digest, size=layer.size, rebuilt=layer.digest in copier.fetched)
                for layer in manifest.layers
            ),
        )
        for (platform, manifest, data, config) in images
    )


class _Copier:
    def __init__(self, locked: LockedImage, opened: Opened, store: Store, progress: Progress, *, frozen: bool) -> None:
        self.fetched: set[Digest] = set()
        self._locked = locked
        self._opened = opened
        self._repository: Repository | None = None
        self._store = store
        self._progress = progress
        self._frozen = frozen

    def image(self, platform: Platform, locked: LockedManifest) -> tuple[Platform, Manifest, bytes, bytes]:
        """Manifest and config of a platform, as values and as bytes."""
        where = self._locked.reference
        digest = Digest.parse(locked.digest)
        data = self._cached(digest, locked.size)
        if data is None:
            data = self._asked(lambda: self._open().manifest(digest)[0])
            if len(data) != locked.size:
                raise WrongHashError("a manifest of another size than floe.lock says", where=where)
            self._keep(digest, data)
        # OCI's manifests need not say their type; Docker's do.
        manifest = read_answer(data, MANIFEST, where)
        if not isinstance(manifest, Manifest):
            raise MirrorContentError("floe.lock names an index as a platform's manifest", where=where)
        config = self._cached(manifest.config.digest, manifest.config.size)
        if config is None:
            config = self._asked(lambda: self._open().small(manifest.config))
            self._keep(manifest.config.digest, config)
        if config_platform(config, where) != str(platform):
            raise MirrorContentError(f"its image for {platform} says that it is for another", where=where)
        return platform, manifest, data, config

    def layers(self, layers: Sequence[Descriptor]) -> None:
        missing = {layer.digest: layer for layer in layers if not self._has(layer.digest, layer.size)}
        if not missing:
            return
        self._refuse_frozen(len(missing))
        repository = self._open()
        self._progress.phase("fetch")
        self._progress.total("fetch", sum(layer.size for layer in missing.values()))
        failures: list[FloeError] = []

        def one(layer: Descriptor) -> None:
            if failures:
                return
            try:
                self._layer(repository, layer)
            except FloeError as error:
                failures.append(error)

        ordered = sorted(missing.values(), key=lambda layer: (-layer.size, layer.digest))
        with ThreadPoolExecutor(_PARALLEL, thread_name_prefix="registry") as pool:
            list(pool.map(one, ordered))
        if failures:
            raise failures[0]

    def _layer(self, repository: Repository, layer: Descriptor) -> None:
        with partial_file(self._store, layer.digest.hex) as partial:
            try:
                repository.download(layer, partial, lambda amount: self._progress.advance("fetch", amount))
            except PageMissingError:
                if layer.media_type in FOREIGN_LAYERS:
                    raise MirrorContentError(
                        "a layer of this image may not be distributed, and its registry does not have it",
                        where=self._locked.reference,
                        hint="take an image whose layers are all in its registry",
                    ) from None
                raise self._gone() from None
            adopted(self._store, layer.digest.hex, partial)
        self.fetched.add(layer.digest)

    def _open(self) -> Repository:
        if self._repository is None:
            self._repository = self._opened()
        return self._repository

    def _asked(self, ask: Callable[[], bytes]) -> bytes:
        self._refuse_frozen(1)
        try:
            return ask()
        except PageMissingError:
            raise self._gone() from None

    def _gone(self) -> PackageGoneError:
        return PackageGoneError(
            "the registry no longer has what floe.lock names",
            where=self._locked.reference,
            hint=f"run `floe lock --upgrade {self._locked.service}`, or name a mirror in image.mirrors.registries",
        )

    def _refuse_frozen(self, count: int) -> None:
        if self._frozen:
            raise NotCachedError(
                f"{count} blob{'s' if count > 1 else ''} of {self._locked.reference} not in the cache",
                where=f"services.{self._locked.service}",
                hint="run `floe build` once without --frozen",
            )

    def _has(self, digest: Digest, size: int) -> bool:
        path = self._store.find("downloads", digest.hex)
        return path is not None and path.stat().st_size == size

    def _cached(self, digest: Digest, size: int) -> bytes | None:
        """The bytes of a small blob, believed after hashing."""
        if not self._has(digest, size):
            return None
        path = self._store.path("downloads", digest.hex)
        try:
            return verified(path, digest.hex, f"{self._locked.reference} {digest[:19]}").read_bytes()
        except WrongHashError:
            return None  # it is gone, and comes anew

    def _keep(self, digest: Digest, data: bytes) -> None:
        with self._store.writing("downloads", digest.hex) as stream:
            stream.write(data)
        remember(self._store.path("downloads", digest.hex), digest.hex)


def downloaded(store: Store) -> Callable[[Digest], Path]:
    """Where the bytes of a copied image's layers lie."""
    return lambda digest: store.path("downloads", digest.hex)
