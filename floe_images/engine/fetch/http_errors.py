"""What a mirror can do to us, as leaves of the error tree: statuses, broken connections, bodies that end early."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from floe_images.engine.fetch.proxy import proxy_words
from floe_images.errors import (
    FloeError,
    MirrorContentError,
    MirrorRefusedError,
    MirrorUnreachableError,
    TruncatedDownloadError,
    UsageError,
)

if TYPE_CHECKING:
    import requests

CHUNK = 1 << 18
WHOSE = "ask who runs it, or use another mirror"
LATER = "run it again; what has come is kept and only the rest is asked for"


class PageMissingError(MirrorContentError):
    """404 or 410: the mirror answers, and does not have it. Callers look elsewhere or say what is gone."""


class RetryableError(Exception):
    """Carries the error that is raised when the retries are used up."""

    def __init__(self, error: FloeError, pause: float = 0) -> None:
        self.error = error
        self.pause = pause


def check_status(response: requests.Response, where: str) -> None:
    status = response.status_code
    if status in (200, 206):
        return
    if status in (401, 403, 407):
        hint = "give credentials in floe.yaml's mirrors, in netrc, or in the index's URL in the environment"
        raise MirrorRefusedError(f"the mirror refused with status {status}", where=where, hint=hint)
    if status in (404, 410):
        raise PageMissingError(f"the mirror has nothing there (status {status})", where=where)
    if status == 429 or status >= 500:
        after = response.headers.get("Retry-After", "")
        error = MirrorUnreachableError(f"the mirror answered with status {status}", where=where, hint="try again later")
        raise RetryableError(error, pause=float(after) if after.isdigit() else 0)
    raise MirrorContentError(f"the mirror answered with status {status}", where=where)


def chunks(response: requests.Response, where: str) -> Iterator[bytes]:
    """The body; one that ends before its Content-Length, or breaks off, is a truncated download."""
    import requests

    try:
        yield from response.iter_content(CHUNK)
    except requests.exceptions.ContentDecodingError:
        raise MirrorContentError("the answer's encoding is broken", where=where) from None
    except requests.RequestException as error:
        reason = "no byte came for too long" if "timed out" in str(error) else "the connection ended in the middle"
        raise RetryableError(TruncatedDownloadError(reason, where=where, hint=LATER)) from None


def connection_error(error: Exception, where: str) -> Exception:
    import requests

    text = str(error)  # never shown: it carries URLs and may carry proxy credentials
    if isinstance(error, requests.exceptions.SSLError):
        hint = "name your company's certificate in floe.yaml's mirrors.ca_certificates or in SSL_CERT_FILE"
        reason = "its certificate is of no trusted authority" if "CERTIFICATE_VERIFY" in text else "TLS failed"
        return MirrorUnreachableError(reason, where=where, hint=hint)
    if isinstance(error, requests.exceptions.ProxyError):
        about = proxy_words(where) or "the proxy is this machine's"
        refused = re.search(r"Tunnel connection failed: ([1-5]\d\d)\b", text)
        if refused and refused[1] == "407":
            hint = f"give the proxy's credentials; {about}"
            return MirrorRefusedError("the proxy refused with status 407", where=where, hint=hint)
        if refused and refused[1].startswith("4"):
            return MirrorRefusedError(f"the proxy refused with status {refused[1]}", where=where, hint=about)
        reason = f"the proxy answered with status {refused[1]}" if refused else "the proxy does not answer"
        return RetryableError(MirrorUnreachableError(reason, where=where, hint=about))
    if isinstance(error, requests.exceptions.TooManyRedirects):
        return MirrorContentError("it redirects in a circle", where=where, hint=WHOSE)
    if isinstance(error, requests.exceptions.InvalidSchema) and where.startswith(("http://", "https://")):
        return MirrorContentError("it redirects to what is no web address", where=where, hint=WHOSE)
    if isinstance(error, (ValueError, requests.exceptions.InvalidURL)):
        return UsageError(
            "not a URL that can be fetched", where=where, hint="an address begins with https:// or http://"
        )
    reason = "does not answer in time" if isinstance(error, requests.Timeout) else "cannot be reached"
    if "Name or service not known" in text or "NameResolution" in text or "getaddrinfo" in text:
        reason = "its name cannot be resolved"
    hint = "check the network and the mirror (`floe doctor` says which is used)"
    return RetryableError(MirrorUnreachableError(reason, where=where, hint=hint))
