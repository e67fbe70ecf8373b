"""The name of an image that a registry has: which registry, which repository, which tag or digest.

Source: https://github.com/distribution/reference (``reference.go``, ``normalize.go``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from floe_images.image.digest import Digest
from floe_images.image.reference import Reference

DOCKER_HUB = "docker.io"
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_HOST = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-fA-F:]+\])(?::[0-9]{{1,5}})?"
_PATTERN = re.compile(
    rf"(?P<path>{_COMPONENT}(?:/{_COMPONENT})*)"
    r"(?::(?P<tag>\w[\w.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?",
    re.ASCII,
)
_FIRST = re.compile(rf"(?P<host>{_HOST})/(?P<rest>.+)", re.ASCII | re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class PulledName:
    """``registry`` is ``host[:port]`` as people write it (``docker.io`` where none is); ``repository`` is the path in
    it, with ``library/`` where Docker's registry asks for that. ``tag`` is "" where a digest alone was given."""

    registry: str
    repository: str
    tag: str
    digest: Digest | None

    @classmethod
    def parse(cls, text: str) -> PulledName:
        """Raise ValueError for what no engine would pull. Without tag and digest, the tag is ``latest``."""
        host, rest = "", text
        first = _FIRST.fullmatch(text)
        if first and _is_host(first["host"]):
            host, rest = first["host"], first["rest"]
        found = _PATTERN.fullmatch(rest)
        if not found or len(host) + len(found["path"]) > 255:
            raise ValueError(f"not the name of an image: {text[:80]!r}")
        registry = host.lower()
        if registry in ("", f"index.{DOCKER_HUB}"):
            registry = DOCKER_HUB
        path = found["path"]
        if registry == DOCKER_HUB and "/" not in path:
            path = f"library/{path}"
        digest = Digest.parse(found["digest"]) if found["digest"] else None
        tag = found["tag"] or ("" if digest else "latest")
        return cls(registry=registry, repository=path, tag=tag, digest=digest)

    @property
    def asked(self) -> str:
        """What the registry is asked for: the digest where there is one, since a tag beside it decides nothing."""
        return self.digest or self.tag

    @property
    def moves(self) -> bool:
        """Whether the registry may have another image under this name tomorrow."""
        return self.digest is None

    @property
    def local(self) -> Reference:
        """What the image is called where it was loaded: engines want a tag, so a digest alone becomes one."""
        tag = self.tag or f"sha256-{(self.digest or Digest('')).hex[:16]}"
        prefix = "" if self.registry == DOCKER_HUB else f"{self.registry}/"
        path = self.repository if prefix else self.repository.removeprefix("library/")
        return Reference(f"{prefix}{path}", tag)

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.registry}/{self.repository}{tag}" + (f"@{self.digest}" if self.digest else "")


def _is_host(first: str) -> bool:
    """Docker's rule for whether what stands before the first slash is a host."""
    return "." in first or ":" in first or first == "localhost" or first != first.lower()
