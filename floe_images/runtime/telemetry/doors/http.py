"""OTLP and OpenLineage over HTTP: one POST a parcel, to exactly the addresses that floe.yaml names.

https://opentelemetry.io/docs/specs/otlp/#otlphttp · https://openlineage.io/docs/spec/object-model
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import requests
from requests.utils import get_environ_proxies

from floe_images import __version__
from floe_images.runtime.telemetry.parcel import Parcel, RefusedError, UndeliveredError

CONNECT, READ = 2.0, 3.0  # seconds
_ANSWER = 65_536  # bytes of an answer that are read at most
# The body is at fault, and will be tomorrow. Any other answer may be somebody's mistake that is mended by then.
_NEVER = frozenset({400, 413, 415, 422})


class HttpDoor:
    """``addresses`` by a parcel's path. ``refused`` reads the answer of a 2xx: how many items were not taken."""

    def __init__(
        self,
        addresses: Mapping[str, str],
        headers: Mapping[str, str],
        *,
        certificates: str | None,
        refused: Callable[[bytes], int] = lambda _: 0,
    ) -> None:
        self._addresses, self._refused = dict(addresses), refused
        self._session = requests.Session()
        self._session.trust_env = False  # .netrc would add credentials that floe.yaml does not name
        self._session.verify = certificates or True
        self._session.headers.update({"user-agent": f"floe-runtime/{__version__}", **headers})

    def send(self, parcel: Parcel) -> int:
        address = self._addresses[parcel.path]
        try:
            with self._session.post(
                address,
                data=parcel.body,
                timeout=(CONNECT, READ),
                allow_redirects=False,  # where it leads is not named in floe.yaml
                proxies=get_environ_proxies(address),
                stream=True,
            ) as answer:
                body = _read(answer)
        except requests.exceptions.SSLError:
            raise UndeliveredError("no trust in its certificate") from None
        except requests.exceptions.ConnectTimeout:
            raise UndeliveredError("no connection in time") from None
        except requests.exceptions.Timeout:
            raise UndeliveredError("no answer in time") from None
        except requests.exceptions.ConnectionError:
            raise UndeliveredError("no connection") from None
        except requests.exceptions.RequestException as fault:
            raise UndeliveredError(type(fault).__name__) from None
        if answer.status_code in _NEVER:
            raise RefusedError(f"HTTP {answer.status_code}")
        if not 200 <= answer.status_code < 300:
            raise UndeliveredError(f"HTTP {answer.status_code}")
        return self._refused(body)

    def close(self) -> None:
        self._session.close()


def _read(answer: requests.Response) -> bytes:
    """The body, as far as it comes in time: a receiver that drips must not hold the thread for long."""
    deadline, found = time.monotonic() + READ, b""
    for piece in answer.iter_content(4096):
        found += piece
        if len(found) > _ANSWER or time.monotonic() > deadline:
            break
    return found
