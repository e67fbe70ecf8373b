"""Tokens: the client-credentials grant and who a bearer is."""

from __future__ import annotations

import base64
import json
import secrets
import time
from typing import Any
from urllib.parse import parse_qs

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.support.polaris.answers import Answer, Refusal, empty, error
from tests.support.polaris.state import Principal, State

_LIFE = 3600  # seconds
_TYPE = "urn:ietf:params:oauth:token-type:access_token"


class Tokens:
    """Keys are made anew at each start, as Polaris does where none are given: older tokens are then void."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def grant(self, state: State, *, content_type: str, body: bytes, authorization: str | None) -> Answer:
        if not content_type.startswith("application/x-www-form-urlencoded"):
            raise empty(415)
        form = {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
        if "grant_type" not in form:
            raise error(500, "NullPointerException", "grant_type is null")
        if form["grant_type"] != "client_credentials":
            raise _refused(400, "unsupported_grant_type", "The grant type is invalid")
        client_id, secret = form.get("client_id"), form.get("client_secret")
        if (authorization or "").startswith("Basic "):
            client_id, _, secret = base64.b64decode(str(authorization)[6:]).decode().partition(":")
        if not client_id or not secret:
            raise _refused(400, "invalid_client", "The client is invalid")
        if not form.get("scope", "").startswith("PRINCIPAL_ROLE:"):
            raise _refused(400, "invalid_scope", "The scope is invalid")
        found = state.client(client_id)
        if found is None or secret not in (found[1].secret, found[1].former):
            raise _refused(401, "unauthorized_client", "The client is not authorized")
        body_ = {
            "access_token": self._sign(found[0], client_id, form["scope"]),
            "token_type": "bearer",
            "issued_token_type": _TYPE,
            "expires_in": _LIFE,
        }
        return Answer(status=200, body=body_)

    def bearer(self, state: State, authorization: str | None) -> tuple[str, Principal]:
        """Who asks. Raise what a missing, garbled, old or orphaned token is answered with."""
        kind, _, token = (authorization or "").partition(" ")
        try:
            head, claims, signature = token.split(".")
            self._key.public_key().verify(
                _unpacked(signature), f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256()
            )
            document = json.loads(_unpacked(claims))
            found = state.client(document["client_id"])
            assert kind.lower() == "bearer"
            assert found is not None
            assert document["exp"] > time.time()
        except Exception:
            raise empty(401, **{"WWW-Authenticate": "Bearer"}) from None
        return found

    def _sign(self, principal: str, client_id: str, scope: str) -> str:
        now = int(time.time())
        claims: dict[str, Any] = {"iss": "polaris", "sub": principal, "iat": now, "exp": now + _LIFE}
        claims |= {"jti": secrets.token_hex(16), "active": True, "client_id": client_id}
        claims |= {"principalId": abs(hash(principal)) % 10**6, "scope": scope}
        text = f"{_packed(json.dumps({'alg': 'RS256', 'typ': 'JWT'}).encode())}.{_packed(json.dumps(claims).encode())}"
        return f"{text}.{_packed(self._key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def _refused(status: int, kind: str, description: str) -> Refusal:
    return Refusal(Answer(status=status, body={"error": kind, "error_description": description, "error_uri": None}))


def _packed(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _unpacked(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
