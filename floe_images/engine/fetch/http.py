"""HTTP: the one door to mirrors. A URL in, bytes or a leaf of the error tree out; credentials never in a message.

Proxies and netrc come from the environment, as everywhere (`requests`, ``trust_env``). Retries with growing pauses on
connection errors, 429 and 5xx (RFC 9110, 15.6), and on bodies that end early.
"""

from __future__ import annotations

import contextlib
import hashlib
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeVar
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

from floe_images.engine.fetch.certificates import make_bundle
from floe_images.engine.fetch.http_errors import (
    CHUNK,
    LATER,
    WHOSE,
    RetryableError,
    check_status,
    chunks,
    connection_error,
)
from floe_images.engine.redact import Secret, redact_url
from floe_images.engine.store import default_store, disk_error
from floe_images.errors import MirrorContentError, TruncatedDownloadError, UsageError, WrongHashError

if TYPE_CHECKING:
    import requests

_T = TypeVar("_T")


@dataclass(frozen=True)
class Credential:
    """Sent to one origin (scheme, host, port) only."""

    origin: str  # "https://host:port", lower-case, no user
    username: str
    password: Secret


@dataclass(frozen=True, kw_only=True)
class HttpSettings:
    """``certificates``: every PEM file of the trusted authorities (see ``certificates.certificate_files``)."""

    certificates: tuple[Path, ...] = ()
    credentials: tuple[Credential, ...] = ()
    connect_timeout: float = 15
    read_timeout: float = 60  # between two bytes, not for the whole
    attempts: int = 4
    pause: float = 0.5  # before the second attempt, doubled each time


@dataclass(frozen=True)
class Page:
    url: str  # after redirects, without credentials
    content_type: str
    data: bytes = field(repr=False)


def split_credential(url: str) -> tuple[str, Credential | None]:
    """A URL as somebody wrote it → the URL without user and password, and the credential that was in it."""
    try:
        parts = urlsplit(url)
        userinfo, _, host = parts.netloc.rpartition("@")
        clean = urlunsplit((parts.scheme, host, parts.path, parts.query, ""))
        if not userinfo:
            return clean, None
        user, _, password = userinfo.partition(":")
        return clean, Credential(origin_of(clean), unquote(user), Secret(unquote(password)))
    except ValueError:
        raise UsageError("not a URL", where=redact_url(url)) from None


def origin_of(url: str) -> str:
    parts = urlsplit(url)
    port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    return f"{parts.scheme}://{(parts.hostname or '').lower()}:{port}"


class Http:
    """May be used from several threads: one session for each."""

    def __init__(self, settings: HttpSettings) -> None:
        self.settings = settings
        self._bundle: Path | None = None
        self._lock = threading.Lock()
        self._local = threading.local()

    def bundle(self) -> Path | None:
        """The merged certificate file, made when first asked for; None: the defaults of requests."""
        with self._lock:
            if self._bundle is None and self.settings.certificates:
                self._bundle = make_bundle(self.settings.certificates, default_store())
            return self._bundle

    def get(self, url: str, limit: int, headers: Mapping[str, str] | None = None) -> bytes:
        """The body, at most ``limit`` bytes (else MirrorContentError)."""
        return self.page(url, limit, headers).data

    def page(self, url: str, limit: int, headers: Mapping[str, str] | None = None) -> Page:
        def once() -> Page:
            with self._open(url, headers or {}) as response:
                data = bytearray()
                for chunk in chunks(response, redact_url(url)):
                    data += chunk
                    if len(data) > limit:
                        raise MirrorContentError(
                            f"the answer is larger than {limit} bytes",
                            where=redact_url(url),
                            hint=WHOSE,
                        )
                final = split_credential(response.url)[0]
                return Page(final, response.headers.get("Content-Type", ""), bytes(data))

        return self._retrying(once)

    def download(
        self,
        url: str,
        to: Path,
        *,
        size: int | None = None,
        sha256: str | None = None,
        limit: int = 1 << 36,
        advance: Callable[[int], None] = lambda _: None,
    ) -> tuple[int, str]:
        """Write the body to ``to`` and return its size and sha256, hashed while it is written.

        Bytes that ``to`` has already are kept and only the rest is asked for (RFC 9110, 14.2). When this raises,
        ``to`` holds what has come so far, and nothing when its hash was wrong. ``advance`` is told of every byte, and
        of a negative amount where an attempt starts again.
        """
        told = 0

        def tell(amount: int) -> None:
            nonlocal told
            told += amount
            advance(amount)

        def once() -> tuple[int, str]:
            tell(-told)
            return self._download_once(url, to, size, sha256, limit, tell)

        return self._retrying(once)

    def _download_once(
        self, url: str, to: Path, size: int | None, sha256: str | None, limit: int, advance: Callable[[int], None]
    ) -> tuple[int, str]:
        where = redact_url(url)
        expected = limit if size is None else size
        have, digest = hash_file(to)
        resumed = bool(0 < have < expected and sha256)
        if not resumed and have and not (have == size and digest.hexdigest() == sha256):
            have, digest = 0, hashlib.sha256()
        advance(have)
        if not (have and have == size):
            headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if resumed else {})
            with self._open(url, headers) as response:
                if resumed and not _continues(response, have):
                    advance(-have)
                    have, digest, resumed = 0, hashlib.sha256(), False
                with _writing(to, have) as stream:
                    for chunk in chunks(response, where):
                        have += len(chunk)
                        if have > expected:
                            stream.truncate(0)
                            raise WrongHashError(f"more than the {expected} bytes that are expected", where=where)
                        digest.update(chunk)
                        stream.write(chunk)
                        advance(len(chunk))
        if size is not None and have < size:
            raise RetryableError(TruncatedDownloadError(f"{have} of {size} bytes came", where=where, hint=LATER))
        if sha256 is not None and digest.hexdigest() != sha256:
            to.unlink(missing_ok=True)
            error = WrongHashError(
                f"sha256 is {digest.hexdigest()}, and {sha256} is expected",
                where=where,
                hint="the mirror has another file under this name; ask who runs it, or use another mirror",
            )
            raise RetryableError(error) if resumed else error  # what was kept from before may be what is wrong
        return have, digest.hexdigest()

    def _retrying(self, once: Callable[[], _T]) -> _T:
        for attempt in range(1, self.settings.attempts + 1):
            try:
                return once()
            except RetryableError as failure:
                if attempt == self.settings.attempts:
                    raise failure.error from None
                pause = self.settings.pause * 2 ** (attempt - 1) * random.uniform(0.75, 1.25)  # noqa: S311 no secret
                time.sleep(min(max(pause, failure.pause), 30))
        raise AssertionError("attempts is at least 1")

    @contextlib.contextmanager
    def _open(self, url: str, headers: Mapping[str, str]) -> Iterator[requests.Response]:
        """A streamed answer with status 200 or 206."""
        import requests

        clean, credential = split_credential(url)
        where = redact_url(clean)
        if urlsplit(clean).scheme not in ("http", "https"):
            raise UsageError("only http and https URLs can be fetched", where=where)
        credential = credential or next(
            (one for one in self.settings.credentials if one.origin == origin_of(clean)), None
        )
        # requests lets REQUESTS_CA_BUNDLE win over the session's bundle, so it is given with each request.
        bundle = self.bundle()
        try:
            response = self._session().get(
                clean,
                headers=dict(headers),
                auth=(credential.username, credential.password.reveal()) if credential else None,
                stream=True,
                timeout=(self.settings.connect_timeout, self.settings.read_timeout),
                verify=True if bundle is None else str(bundle),
            )
        except (requests.RequestException, ValueError) as error:  # ValueError: a Location that is no address
            raise connection_error(error, where) from None
        with response:
            check_status(response, redact_url(urljoin(clean, response.url)))
            yield response

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            import requests

            from floe_images import __version__

            session = self._local.session = requests.Session()
            session.headers["User-Agent"] = f"floe/{__version__}"
        return session


def _continues(response: requests.Response, have: int) -> bool:
    return response.status_code == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {have}-")


@contextlib.contextmanager
def _writing(path: Path, keep: int) -> Iterator[BinaryIO]:
    try:
        with open(path, "r+b" if keep else "wb") as stream:
            stream.seek(keep)
            stream.truncate()
            yield stream
    except OSError as error:
        raise disk_error(error, str(path.parent)) from error


def hash_file(path: Path) -> tuple[int, hashlib._Hash]:
    """Size and running sha256 of a file; of nothing where there is none."""
    digest = hashlib.sha256()
    size = 0
    with contextlib.suppress(FileNotFoundError), open(path, "rb") as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return size, digest
