"""Bearer tokens: what a registry that says ``Bearer`` wants, from whom it says (docs of distribution, *Token
Authentication Specification* and *OAuth2 Token Authentication*,
https://distribution.github.io/distribution/spec/auth/).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit, urlunsplit

from floe_images.engine.fetch.http_errors import check_status, chunks, connection_error
from floe_images.engine.redact import Secret, redact_url
from floe_images.engine.registry.challenge import Challenge
from floe_images.engine.registry.login import Login
from floe_images.errors import MirrorContentError, MirrorRefusedError

if TYPE_CHECKING:
    import requests

    from floe_images.engine.registry.http import Sender

_LIMIT = 1 << 20  # bytes; a token is a few kB
_CLIENT = "floe"


def fetch_token(challenge: Challenge, scope: str, login: Login | None, send: Sender, *, plain: bool) -> Secret:
    """The value of an Authorization header. ``plain`` allows a realm without TLS: where the registry itself has none.

    Raises MirrorRefusedError, MirrorContentError, RetryableError.
    """
    import requests

    realm = urlsplit(challenge.realm)
    where = redact_url(challenge.realm)
    if realm.scheme not in (("https", "http") if plain else ("https",)) or not realm.hostname or "@" in realm.netloc:
        raise MirrorContentError(
            "the registry names no https address for its tokens", where=where, hint="ask who runs the registry"
        )
    if login and login.kind == "token":
        return Secret(f"Bearer {login.secret.reveal()}")
    fields = {"service": challenge.service, "scope": scope, "client_id": _CLIENT}
    try:
        if login and login.kind == "identity":
            form = {**fields, "grant_type": "refresh_token", "refresh_token": login.secret.reveal()}
            response = send("POST", urlunsplit((*realm[:4], "")), {}, form)
        else:
            pairs = urlencode({name: value for name, value in fields.items() if value})
            query = "&".join(filter(None, (realm.query, pairs)))
            headers = {"Authorization": login.basic().reveal()} if login else {}
            response = send("GET", urlunsplit((*realm[:3], query, "")), headers, None)
    except requests.RequestException as error:
        raise connection_error(error, where) from None
    with response:
        return Secret(f"Bearer {_read(response, where, login)}")


def _read(response: requests.Response, where: str, login: Login | None) -> str:
    if response.status_code in (400, 401, 403):
        whose = "the credential" if login else "somebody without a credential"
        raise MirrorRefusedError(f"the registry's token server refused {whose}", where=where)
    check_status(response, where)
    data = bytearray()
    for chunk in chunks(response, where):
        data += chunk
        if len(data) > _LIMIT:
            raise MirrorContentError("a token larger than a megabyte", where=where)
    try:
        answer = json.loads(bytes(data))
        token = answer.get("token") or answer.get("access_token")
    except (ValueError, AttributeError, RecursionError):
        token = None
    if not isinstance(token, str) or not token.isascii() or not token.isprintable() or " " in token:
        raise MirrorContentError("the token server's answer has no token", where=where)
    return token
