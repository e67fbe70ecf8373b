"""ELF files: which machine they are for.

Source: https://refspecs.linuxfoundation.org/elf/gabi4+/contents.html.
"""

from __future__ import annotations

import struct

from floe_images.errors import WrongMachineError
from floe_images.image.platform import Platform

_MACHINES = {62: "amd64", 183: "arm64"}


def is_elf(head: bytes) -> bool:
    return head[:4] == b"\x7fELF"


def check_machine(head: bytes, platform: Platform | None, where: str) -> None:
    """``head``: at least the first 20 bytes of an ELF file. ``platform`` None: a part that serves every platform.

    Raises WrongMachineError unless it is a 64-bit little-endian file for the platform's machine.
    """
    found = None
    if len(head) >= 20 and head[4:6] == b"\x02\x01":
        found = _MACHINES.get(struct.unpack_from("<H", head, 18)[0])
    if platform is None or found != platform.architecture:
        raise WrongMachineError(
            f"machine code for {found or 'another machine'} in an image for {platform or 'every platform'}",
            where=where,
            hint="the package is labelled for the wrong platform: take another version of it",
        )
