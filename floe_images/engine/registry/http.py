"""HTTP to one registry: the same door as to mirrors, with the login that the registry asks for and careful redirects.

A login is sent to the registry's own origin, or to the token server that it names, and to nobody that it redirects to.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urljoin, urlsplit

from floe_images.engine.fetch.http import Http, HttpSettings, origin_of
from floe_images.engine.fetch.http_errors import check_status, connection_error
from floe_images.engine.redact import Secret, redact_url
from floe_images.engine.registry.challenge import read_challenges
from floe_images.engine.registry.login import Login
from floe_images.engine.registry.tokens import fetch_token
from floe_images.errors import MirrorContentError

if TYPE_CHECKING:
    import requests

_NO_TARGET = "it redirects to an address that is not https"
_HOPS = 6  # redirects; a store behind a registry takes one or two


class Sender(Protocol):
    """One request, redirects not followed; ``form`` makes it ``application/x-www-form-urlencoded``."""

    def __call__(
        self, method: str, url: str, headers: Mapping[str, str], form: Mapping[str, str] | None
    ) -> requests.Response: ...


class RegistryHttp(Http):
    """``origin`` is the registry's scheme, host and port; ``scope`` what a token is asked for
    (``repository:apache/polaris:pull``); ``login`` looks the credential up when the registry asks for one."""

    def __init__(self, settings: HttpSettings, *, origin: str, scope: str, login: Callable[[], Login | None]) -> None:
        super().__init__(settings)
        self._origin = origin
        self._scope = scope
        self._login = login
        self._authorization: Secret | None = None
        self._asking = threading.Lock()

    @contextlib.contextmanager
    def _open(self, url: str, headers: Mapping[str, str]) -> Iterator[requests.Response]:
        import requests

        try:
            response = self._answer(url, headers)
        except requests.RequestException as error:
            raise connection_error(error, redact_url(url)) from None
        except ValueError:  # requests reads a Location before anybody asked it to
            raise MirrorContentError(_NO_TARGET, where=redact_url(url)) from None
        with response:
            check_status(response, redact_url(url))
            yield response

    def _answer(self, url: str, headers: Mapping[str, str]) -> requests.Response:
        """The last answer after redirects and at most one request for a login."""
        here, hops, asked = url, 0, False
        while True:
            own = origin_of(here) == self._origin
            sent = self._authorization if own else None
            response = self._send("GET", here, {**headers, **({"Authorization": sent.reveal()} if sent else {})}, None)
            if response.is_redirect:
                hops += 1
                with response:
                    here = self._target(here, response.headers["Location"], hops)
            elif response.status_code == 401 and own and not asked:
                asked = True
                with response:
                    told = response.headers.get("WWW-Authenticate", "")
                if not self._authorize(told, sent):
                    return response
                here, hops = url, 0
            else:
                return response

    def _target(self, here: str, location: str, hops: int) -> str:
        where = redact_url(here)
        if hops > _HOPS:
            raise MirrorContentError("it redirects in a circle", where=where)
        target = urljoin(here, location)
        try:
            parts = urlsplit(target)
            allowed = ("https", "http") if urlsplit(here).scheme == "http" else ("https",)
            sound = parts.scheme in allowed and bool(parts.hostname) and "@" not in parts.netloc and parts.port != 0
        except ValueError:
            sound = False
        if not sound:
            raise MirrorContentError(_NO_TARGET, where=where)
        return target

    def _authorize(self, header: str, refused: Secret | None) -> bool:
        """Whether there is now another login than ``refused`` to try with."""
        with self._asking:
            if self._authorization != refused:
                return True  # another thread was here first
            challenges = {challenge.scheme: challenge for challenge in reversed(read_challenges(header))}
            if "bearer" in challenges:
                plain = self._origin.startswith("http:")
                login = self._login()
                self._authorization = fetch_token(challenges["bearer"], self._scope, login, self._send, plain=plain)
                return True
            if "basic" in challenges and refused is None:
                login = self._login()
                if login and login.kind == "password":
                    self._authorization = login.basic()
                    return True
            return False

    def _send(
        self, method: str, url: str, headers: Mapping[str, str], form: Mapping[str, str] | None
    ) -> requests.Response:
        bundle = self.bundle()
        return self._session().request(
            method,
            url,
            headers={"Accept-Encoding": "identity", **headers},
            data=form,
            auth=_as_it_is,
            stream=True,
            timeout=(self.settings.connect_timeout, self.settings.read_timeout),
            verify=True if bundle is None else str(bundle),
            allow_redirects=False,
        )


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Without an ``auth`` of its own, requests would put netrc's in."""
    return request
