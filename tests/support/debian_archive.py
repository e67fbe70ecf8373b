"""A Debian archive in memory: suites signed with a key of its own, and the door to it."""

from __future__ import annotations

import email.utils
import hashlib
import lzma
from dataclasses import dataclass, field

from floe_images.engine.fetch.http_errors import PageMissingError
from floe_images.engine.resolve.debian_signature import ArchiveKey
from floe_images.errors import FloeError

NOW = 1_790_000_000


class Signer:
    """An OpenPGP key that signs as Debian's archive does."""

    def __init__(self, owner: str = "Test Archive <archive@example.org>") -> None:
        import pysequoia

        self._key = pysequoia.Tsk.generate(owner)
        certificate = self._key.extract_certificate()
        self.key = ArchiveKey(owner=owner, fingerprint=certificate.fingerprint, certificate=str(certificate).encode())

    def sign(self, text: str) -> bytes:
        import pysequoia

        return pysequoia.sign(self._key.signer(), text.encode(), mode=pysequoia.SignatureMode.CLEAR)


@dataclass
class FakeArchive:
    """URL → bytes. ``asked`` is every URL in order; ``down`` holds prefixes that raise an error of their own."""

    signer: Signer = field(default_factory=Signer)
    pages: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    down: dict[str, FloeError] = field(default_factory=dict)

    def keys(self, suite: str) -> tuple[ArchiveKey, ...]:
        return (self.signer.key,)

    def get(self, url: str, limit: int) -> bytes:
        self.asked.append(url)
        for prefix, error in self.down.items():
            if url.startswith(prefix):
                raise error
        if url not in self.pages:
            raise PageMissingError("the mirror has nothing there (status 404)", where=url)
        return self.pages[url]

    def publish(
        self,
        root: str,
        suite: str,
        packages: dict[str, str],
        *,
        date: int = NOW - 3600,
        valid_until: int | None = None,
        origin: str = "Debian",
        codename: str | None = None,
        by_hash: bool = True,
        signer: Signer | None = None,
    ) -> None:
        """A suite below ``root``: ``packages`` is architecture → text of Packages."""
        lines = []
        for architecture, text in packages.items():
            path = f"main/binary-{architecture}/Packages"
            unpacked, packed = text.encode(), lzma.compress(text.encode())
            for name, data in ((path, unpacked), (f"{path}.xz", packed)):
                lines.append(f" {hashlib.sha256(data).hexdigest()} {len(data)} {name}")
            folder = f"{root}/dists/{suite}/main/binary-{architecture}"
            place = f"by-hash/SHA256/{hashlib.sha256(packed).hexdigest()}" if by_hash else "Packages.xz"
            self.pages[f"{folder}/{place}"] = packed
        until = f"Valid-Until: {_stamp(valid_until)}\n" if valid_until is not None else ""
        text = (
            f"Origin: {origin}\nSuite: oldstable\nCodename: {codename or suite}\nDate: {_stamp(date)}\n{until}"
            f"Acquire-By-Hash: yes\nArchitectures: all amd64 arm64\nSHA256:\n" + "\n".join(lines) + "\n"
        )
        self.pages[f"{root}/dists/{suite}/InRelease"] = (signer or self.signer).sign(text)


def stanza(
    name: str, version: str = "1.0", *, architecture: str = "amd64", pool: str = "pool/main", **fields: str
) -> str:
    """One stanza of Packages; ``fields`` are more fields, their underscores standing for dashes."""
    more = "".join(f"{field.replace('_', '-').title()}: {value}\n" for field, value in fields.items())
    return (
        f"Package: {name}\nVersion: {version}\nArchitecture: {architecture}\n{more}"
        f"Filename: {pool}/{name[0]}/{name}/{name}_{version.partition(':')[2] or version}_{architecture}.deb\n"
        f"Size: {len(name) * 100}\nSHA256: {hashlib.sha256((name + version).encode()).hexdigest()}\n"
    )


def packages_text(*stanzas: str) -> str:
    return "\n".join(stanzas)


def _stamp(seconds: int) -> str:
    return email.utils.formatdate(seconds, usegmt=True).replace("GMT", "UTC")
