"""The door to a Polaris server: the official client, with bounded patience and errors that a person can read.

https://github.com/apache/polaris, ``client/python``: its ``sdk.management``, with the same calls from 1.4 to 1.8. Only
what the server itself said is told on, on one line, and never a credential.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from typing import Any, TypeVar

from floe_images.errors import FloeError, InfrastructureError, ProjectError
from floe_images.runtime import log
from floe_images.runtime.polaris.state import Server

_T = TypeVar("_T")
_ATTEMPTS = 5
_LONGEST_WAIT = 10.0  # seconds, whatever Retry-After says
_TIMEOUT = (5.0, 30.0)  # seconds to connect, and for an answer
_REALM = "Polaris-Realm"
_SHOWN = 300  # characters of what a server says


class LookAgain(Exception):  # noqa: N818  it is no error: the state is another one than thought, or nobody knows which
    """A write that met something else than was observed, or whose outcome is not known. ``str`` says what happened."""


class PolarisClient:
    """Every request of one server. ``credential`` is ID:SECRET of who manages it; None where it asks for none."""

    def __init__(self, server: Server, credential: str | None, *, pause: Callable[[float], None] = time.sleep) -> None:
        try:
            from apache_polaris.sdk.management import ApiClient, Configuration, PolarisDefaultApi
        except ImportError:
            raise ProjectError(
                "managing Polaris needs the package apache-polaris, which is not installed",
                hint="floe lock adds it where floe.yaml manages a catalog; build the image again",
            ) from None
        self.server = server
        self._pause = pause
        self._identity = _split(credential, f"{server.setting}.manage.credential") if credential else None
        # urllib3 would repeat a PUT by itself, and a repeated assignment is an error to some of Polaris' stores.
        configuration = Configuration(host=server.management_uri, retries=False)
        header = {"header_name": _REALM, "header_value": server.realm} if server.realm else {}
        self._http = ApiClient(configuration, **header)
        self.api: Any = PolarisDefaultApi(self._http)

    def read(self, what: str, request: Callable[..., _T]) -> _T | None:
        """The answer of a call of ``api``, which gets its timeout; None where the server has no such thing.

        Repeated where the server is busy, broken or away. Raise InfrastructureError, ProjectError.
        """
        return self._call(what, request, read=True)

    def write(self, what: str, request: Callable[..., _T]) -> _T | None:
        """As `read`, but only repeated where the server has surely done nothing. Raise LookAgain as well."""
        return self._call(what, request, read=False)

    def accepts(self, client_id: str, secret: str) -> bool:
        """Whether somebody can log in. Raise InfrastructureError where the server does not say."""
        return self._token(client_id, secret) is not None

    def _call(self, what: str, request: Callable[..., _T], *, read: bool) -> _T | None:
        from apache_polaris.sdk.management.exceptions import ApiException
        from urllib3.exceptions import HTTPError

        self._log_in()
        refused = False
        for attempt in range(_ATTEMPTS):
            last = attempt == _ATTEMPTS - 1
            try:
                return request(_request_timeout=_TIMEOUT)
            except ApiException as error:
                status, said = int(error.status or 0), _said(error.body)
                if status == 401 and self._identity and not refused:
                    refused = True  # a server that was started again may have new keys: its old tokens are void
                    self._log_in(again=True)
                elif status == 404 and read:
                    return None
                elif (status == 429 or (status >= 500 and read)) and not last:
                    self._pause(_wait(attempt, error.headers))
                elif not read and (status in (404, 409) or status >= 500 or "GRANT_NOT_FOUND" in said):
                    raise LookAgain(f"{what}: {status} {said}") from None
                else:
                    raise self._fault(what, status, said) from None
            except HTTPError as error:
                if not read:
                    raise LookAgain(f"{what}: {_plain(error)}") from None
                if last:
                    raise self._away(error) from None
                self._pause(_wait(attempt, None))
            except ValueError:  # pydantic's ValidationError is one
                raise InfrastructureError(
                    f"{self.server.management_uri} answers what the Polaris client does not understand, to {what}",
                    hint="the server may be newer than the locked apache-polaris: floe lock --upgrade apache-polaris",
                ) from None
        raise AssertionError("the last attempt returns or raises")

    def _log_in(self, *, again: bool = False) -> None:
        configuration = self._http.configuration
        if self._identity is None or (configuration.access_token and not again):
            return
        token = self._token(*self._identity)
        if token is None:
            raise InfrastructureError(
                f"Polaris at {self.server.catalog_uri} refuses the credential of {self.server.setting}.manage",
                hint="look at its secret: a client id and a client secret, ID:SECRET",
            )
        log.hide(token)
        configuration.access_token = token

    def _token(self, client_id: str, secret: str) -> str | None:
        """An access token (RFC 6749, 4.4); None where the server knows no such client."""
        from urllib3.exceptions import HTTPError

        header = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        if self.server.realm:
            header[_REALM] = self.server.realm
        form = {
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_secret": secret,
            "scope": self.server.scope,
        }
        for attempt in range(_ATTEMPTS):
            last = attempt == _ATTEMPTS - 1
            try:
                answer: Any = self._http.call_api(
                    "POST",
                    f"{self.server.catalog_uri}/v1/oauth/tokens",
                    header_params=header,
                    post_params=form,
                    _request_timeout=_TIMEOUT,
                )
                body = answer.read()
            except HTTPError as error:
                if last:
                    raise self._away(error) from None
                self._pause(_wait(attempt, None))
                continue
            if answer.status == 401:
                return None
            if (answer.status == 429 or answer.status >= 500) and not last:
                self._pause(_wait(attempt, answer.getheaders()))
                continue
            return self._granted(int(answer.status), body)
        raise AssertionError("the last attempt returns or raises")

    def _granted(self, status: int, body: bytes) -> str:
        try:
            document = json.loads(body)
        except ValueError:
            document = None
        if status == 200 and isinstance(document, dict) and isinstance(document.get("access_token"), str):
            return str(document["access_token"])
        if status == 404:
            realm = f" with the realm {self.server.realm}" if self.server.realm else ""
            raise InfrastructureError(
                f"no Polaris answers at {self.server.catalog_uri}{realm}",
                hint=f"{self.server.setting}.uri ends in /api/catalog; realm is the server's own word",
            )
        raise self._fault("a token", status, _said(body.decode("utf-8", "replace")))

    def _fault(self, what: str, status: int, said: str) -> FloeError:
        where = f"Polaris at {self.server.management_uri}"
        because = f": {said}" if said else ""
        if status == 400:
            return ProjectError(f"{where} refuses {what}{because}", hint=f"see {self.server.setting} in floe.yaml")
        if status in (401, 403):
            return InfrastructureError(
                f"{where} does not allow {what}{because}",
                hint=f"{self.server.setting}.manage.credential must be of somebody who may: root has service_admin",
            )
        return InfrastructureError(f"{where} answers {what} with {status}{because}", hint="the server's log says more")

    def _away(self, error: Exception) -> InfrastructureError:
        return InfrastructureError(
            f"Polaris at {self.server.management_uri} cannot be reached: {_plain(error)}",
            hint=f"{self.server.setting}.uri names it; is it running?",
        )


def _split(credential: str, setting: str) -> tuple[str, str]:
    client_id, colon, secret = credential.strip().partition(":")
    log.hide(secret)
    if not (client_id and colon and secret):
        raise ProjectError(f"the secret of {setting} is not ID:SECRET", hint="a client id, a colon, a client secret")
    return client_id, secret


def _wait(attempt: int, headers: Any) -> float:
    """Seconds: twice as long each time, or what the server asks for (RFC 9110, 10.2.3), within bounds."""
    asked = str((headers or {}).get("Retry-After", ""))
    return min(float(asked), _LONGEST_WAIT) if asked.isdecimal() else 0.2 * 2.0**attempt


def _said(body: str | None) -> str:
    """What the server says is wrong, in one line: Iceberg's ErrorModel or OAuth2's error."""
    try:
        document = json.loads(body or "")
        error = document["error"]
        text = f"{error['type']}: {error['message']}" if isinstance(error, dict) else document["error_description"]
    except (ValueError, KeyError, TypeError):
        return ""
    line = log.one_line(str(text))
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…"


def _plain(error: Exception) -> str:
    """urllib3's words without the object and the errno that it prints first."""
    line = re.sub(r"^[A-Za-z]+\([^)]*\): ", "", log.one_line(str(error)))
    return re.sub(r"^Failed to establish a new connection: (?:\[Errno [-0-9]+\] )?", "", line)
