"""A login as a value that shows its secret to nobody."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Literal

from floe_images.engine.redact import Secret


@dataclass(frozen=True, kw_only=True)
class Login:
    """``kind`` says what ``secret`` is: a password, an OAuth2 refresh token, or a token to be sent as it is."""

    username: str
    secret: Secret = field(repr=False)
    kind: Literal["password", "identity", "token"]

    def basic(self) -> Secret:
        """The value of an Authorization header (RFC 7617)."""
        pair = f"{self.username}:{self.secret.reveal()}".encode()
        return Secret("Basic " + base64.b64encode(pair).decode())
