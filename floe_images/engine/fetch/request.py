"""What is asked of the fetcher: a file by name, size and sha256, and which kind of place knows it."""

from __future__ import annotations

from dataclasses import dataclass

from floe_images.lock.model import LockedFile


@dataclass(frozen=True, kw_only=True)
class FileRequest:
    """``project`` for a file of a Python index (normalized project name), or ``archive`` and ``pool`` for Debian's."""

    file: LockedFile
    project: str = ""
    archive: str = ""  # "debian" or "debian-security"
    pool: str = ""
