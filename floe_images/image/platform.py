"""The platform of an image: operating system and processor architecture, in OCI's words."""

from __future__ import annotations

from dataclasses import dataclass

_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}


@dataclass(frozen=True, order=True)
class Platform:
    """``linux/amd64`` or ``linux/arm64`` (https://github.com/opencontainers/image-spec, ``platform``)."""

    os: str
    architecture: str

    @classmethod
    def parse(cls, text: str) -> Platform:
        """Raise ValueError for anything but the two platforms that images are made for."""
        os, _, architecture = text.partition("/")
        if os != "linux" or architecture not in _MACHINES:
            raise ValueError(f"unknown platform {text!r}: use linux/amd64 or linux/arm64")
        return cls(os, architecture)

    @property
    def machine(self) -> str:
        """``x86_64`` or ``aarch64``: the word of uname, of wheels and of uv."""
        return _MACHINES[self.architecture]

    @property
    def multiarch(self) -> str:
        """``x86_64-linux-gnu``: Debian's name of the library folder."""
        return f"{self.machine}-linux-gnu"

    @property
    def slug(self) -> str:
        """``linux-amd64``: for file names."""
        return f"{self.os}-{self.architecture}"

    def __str__(self) -> str:
        return f"{self.os}/{self.architecture}"
