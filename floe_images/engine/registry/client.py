"""One image's repository at a registry: manifests and blobs by the OCI distribution specification, for reading.

Source: https://github.com/opencontainers/distribution-spec, version 1.1, *Pull*.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

from floe_images.engine.fetch.http import HttpSettings, origin_of
from floe_images.engine.fetch.http_errors import PageMissingError
from floe_images.engine.registry.credentials import Wanted, find_login
from floe_images.engine.registry.http import RegistryHttp
from floe_images.engine.registry.login import Login
from floe_images.engine.registry.manifests import ACCEPT, MANIFEST_LIMIT
from floe_images.engine.registry.place import Registries
from floe_images.errors import (
    FloeError,
    MirrorContentError,
    MirrorRefusedError,
    MirrorUnreachableError,
    TruncatedDownloadError,
    WrongHashError,
)
from floe_images.image.digest import Digest
from floe_images.image.pulled import PulledName
from floe_images.image.words import Descriptor
from floe_images.progress import Progress

_MIRRORS = "image.mirrors.registries"


class Repository:
    """``name`` is what is wanted; ``reference`` how floe.yaml says it, for messages; ``way`` what else could be done
    where the registry cannot be had."""

    def __init__(
        self, name: PulledName, registries: Registries, progress: Progress, *, reference: str, way: str = ""
    ) -> None:
        self.name = name
        self.reference = reference
        self._way = way
        self._progress = progress
        self._place = registries.place_of(name)
        self._path = "/".join(filter(None, (self._place.prefix, name.repository)))
        settings = registries.http
        certificates = registries.certificates(self._place.host)

        def login() -> Login | None:
            wanted = Wanted(host=self._login_host(), repository=self._path)
            found = self._place.login or find_login(wanted, registries.environ)
            if found:
                progress.hide(found.secret.reveal())
            return found

        self._http = RegistryHttp(
            HttpSettings(
                certificates=certificates,
                connect_timeout=settings.connect_timeout,
                read_timeout=settings.read_timeout,
                attempts=settings.attempts,
                pause=settings.pause,
            ),
            origin=origin_of(self._place.url),
            scope=f"repository:{self._path}:pull",
            login=login,
        )

    def manifest(self, asked: str) -> tuple[bytes, str]:
        """The bytes under a tag or a digest and their content type. Those of a digest have that digest."""
        with self._words():
            page = self._http.page(self._url("manifests", asked), MANIFEST_LIMIT, {"Accept": ACCEPT})
            if asked.startswith("sha256:") and Digest.of(page.data) != asked:
                raise WrongHashError("a manifest that is not what its digest says", where=self.reference)
        return page.data, page.content_type

    def small(self, blob: Descriptor) -> bytes:
        """A blob of a size that memory has room for, as a config is."""
        with self._words():
            data = self._http.get(self._url("blobs", blob.digest), blob.size)
            if hashlib.sha256(data).hexdigest() != blob.digest.hex:
                raise WrongHashError("a blob that is not what its digest says", where=self.reference)
        return data

    def download(self, blob: Descriptor, to: Path, advance: Callable[[int], None]) -> None:
        """Write a blob to ``to``; what ``to`` has already is kept and only the rest is asked for."""
        with self._words():
            self._http.download(
                self._url("blobs", blob.digest), to, size=blob.size, sha256=blob.digest.hex, advance=advance
            )

    def _url(self, kind: str, asked: str) -> str:
        return f"{self._place.url}/v2/{self._path}/{kind}/{quote(asked, safe=':')}"

    def _login_host(self) -> str:
        return self._place.host if self._place.mirrored else self.name.registry

    @contextlib.contextmanager
    def _words(self) -> Iterator[None]:
        """A mirror's errors in a registry's words: which reference, which host, what to do."""
        try:
            yield
        except PageMissingError:
            raise PageMissingError(
                f"{self._place.host} has no such image", where=self.reference, hint="look at its name and its tag"
            ) from None
        except (
            MirrorUnreachableError,
            MirrorRefusedError,
            MirrorContentError,
            TruncatedDownloadError,
            WrongHashError,
        ) as error:
            message = error.message.replace("the mirror", "the registry")
            raise type(error)(f"{self._place.host}: {message}", where=self.reference, hint=self._hint(error)) from None

    def _hint(self, error: FloeError) -> str:
        hint = error.hint or ""
        if isinstance(error, MirrorRefusedError) and "proxy" not in error.message and "helper" not in error.message:
            hint = f"`docker login {self._login_host()}`, or username and password in {_MIRRORS}"
        elif isinstance(error, MirrorUnreachableError) and ("check the network" in hint or not hint):
            hint = f"check the network, or name a mirror in {_MIRRORS}"
        elif isinstance(error, WrongHashError | MirrorContentError):
            hint = hint if "login" in hint else "ask who runs the registry"
        other = f"; or {self._way}" if self._way and not isinstance(error, WrongHashError) else ""
        return f"{hint}{other}"
