"""A private certificate authority and a server certificate, made with the openssl command."""

from __future__ import annotations

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

AUTHORITY_NAME = "Floe Test Private Authority"


@dataclass(frozen=True, kw_only=True)
class Tls:
    authority: Path  # PEM, what a client has to trust
    certificate: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        """What a server wraps its socket with."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context


def make_tls(folder: Path, *names: str) -> Tls:
    """An authority of its own and a certificate for ``names`` (host names or IP addresses), valid for ten days."""
    folder.mkdir(parents=True, exist_ok=True)
    alternatives = ",".join(f"{'IP' if name.replace('.', '').isdigit() else 'DNS'}:{name}" for name in names)
    extensions = folder / "server.ext"
    extensions.write_text(f"basicConstraints=CA:FALSE\nsubjectAltName={alternatives}\nextendedKeyUsage=serverAuth\n")
    new = ["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    _run(
        [*new, "-x509", "-days", "10", "-subj", f"/CN={AUTHORITY_NAME}", "-keyout", "ca.key", "-out", "ca.pem"], folder
    )
    _run([*new, "-subj", f"/CN={names[0]}", "-keyout", "server.key", "-out", "server.csr"], folder)
    sign = ["openssl", "x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"]
    _run([*sign, "-days", "10", "-extfile", "server.ext", "-out", "server.pem"], folder)
    return Tls(authority=folder / "ca.pem", certificate=folder / "server.pem", key=folder / "server.key")


def _run(command: list[str], folder: Path) -> None:
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
