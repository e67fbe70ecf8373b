"""The name of an image, ``[host[:port]/]path:tag``, by the grammar that Docker and containerd read.

Source: https://github.com/distribution/reference (``reference.go``, ``normalize.go``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_HOST = r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*(?::[0-9]+)?"
_PATTERN = re.compile(rf"(?P<name>(?:{_HOST}/)?{_COMPONENT}(?:/{_COMPONENT})*):(?P<tag>[\w][\w.-]{{0,127}})", re.ASCII)
_DEFAULT_HOST = "docker.io"


@dataclass(frozen=True)
class Reference:
    """``repository`` as it was written, ``tag`` after the colon."""

    repository: str
    tag: str

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Raise ValueError for what no engine would take as ``repository:tag``."""
        found = _PATTERN.fullmatch(text)
        if not found or len(found["name"]) > 255:
            raise ValueError(f"not an image name: {text!r} (lower-case repository:tag)")
        return cls(found["name"], found["tag"])

    @property
    def canonical(self) -> str:
        """With the host that engines think of where none is written: what containerd calls the image."""
        first, slash, _ = self.repository.partition("/")
        if slash and ("." in first or ":" in first or first == "localhost" or first != first.lower()):
            return str(self)
        path = self.repository if slash else f"library/{self.repository}"
        return f"{_DEFAULT_HOST}/{path}:{self.tag}"

    @property
    def base_name(self) -> str:
        """The last component of the repository: for file names."""
        return self.repository.rpartition("/")[2]

    def __str__(self) -> str:
        return f"{self.repository}:{self.tag}"
