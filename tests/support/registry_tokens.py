"""A token server for docker-registry: JSON Web Tokens signed with openssl, given to who knows the password.

Source: https://distribution.github.io/distribution/spec/auth/jwt/.
"""

from __future__ import annotations

import base64
import json
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from tests.support.registry_fake import Answer, Asked

ISSUER, SERVICE = "floe tests", "registry.test"


@dataclass(frozen=True, kw_only=True)
class TokenServer:
    """``user`` and ``password`` are asked for; ``rule`` is a FakeRegistry's."""

    folder: Path
    user: str
    password: str

    @classmethod
    def make(cls, folder: Path, *, user: str, password: str) -> TokenServer:
        folder.mkdir(parents=True)
        _openssl(
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "10", "-subj", "/CN=tokens",
            "-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem"),
        )  # fmt: skip
        return cls(folder=folder, user=user, password=password)

    def settings(self, realm: str) -> dict[str, str]:
        """docker-registry's ``auth.token``."""
        return {
            "realm": realm,
            "service": SERVICE,
            "issuer": ISSUER,
            "rootcertbundle": str(self.folder / "cert.pem"),
        }

    def rule(self, asked: Asked) -> Answer:
        pair = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        if asked.authorization != f"Basic {pair}":
            return Answer.json({"errors": [{"code": "DENIED"}]}, status=401)
        query = parse_qs(urlsplit(asked.path).query)
        return Answer.json({"token": self.token(query["scope"][0]), "expires_in": 300})

    def token(self, scope: str) -> str:
        kind, name, actions = scope.split(":")
        now = int(time.time())
        claims = {
            "iss": ISSUER, "sub": self.user, "aud": SERVICE, "exp": now + 300, "nbf": now - 10, "iat": now,
            "jti": str(now), "access": [{"type": kind, "name": name, "actions": actions.split(",")}],
        }  # fmt: skip
        pem = (self.folder / "cert.pem").read_text()
        chain = "".join(pem.split("-----")[2].split())
        head = {"typ": "JWT", "alg": "RS256", "x5c": [chain]}
        signed = ".".join(_url64(json.dumps(part).encode()) for part in (head, claims))
        signature = _openssl("dgst", "-sha256", "-sign", str(self.folder / "key.pem"), data=signed.encode())
        return f"{signed}.{_url64(signature)}"


def _url64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _openssl(*arguments: str, data: bytes = b"") -> bytes:
    return subprocess.run(["openssl", *arguments], input=data, check=True, capture_output=True).stdout
