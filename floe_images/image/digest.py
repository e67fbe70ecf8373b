"""A digest: the name of bytes, as the OCI image specification writes it (descriptor.md, *Digests*)."""

from __future__ import annotations

import hashlib
import re

_PATTERN = re.compile(r"sha256:[0-9a-f]{64}")


class Digest(str):
    """``sha256:`` and 64 lower-case hex digits; also a plain string, so that it goes into JSON as it is."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: object) -> Digest:
        """Raise ValueError for anything but a sha256 digest."""
        if not isinstance(text, str) or not _PATTERN.fullmatch(text):
            raise ValueError("not a sha256 digest")
        return cls(text)

    @classmethod
    def of(cls, data: bytes) -> Digest:
        return cls("sha256:" + hashlib.sha256(data).hexdigest())

    @property
    def hex(self) -> str:
        """The 64 hex digits: the name of the blob's file."""
        return self[7:]
