"""The process' own streams, where the shell closed one of them or put it on something that cannot be written."""

from __future__ import annotations

import errno
import os
import sys

from floe_images.errors import DiskError, FloeError, disk_error

STDOUT = "stdout"


def open_streams() -> None:
    """Give the numbers 0, 1 and 2 to something, before the first file that is opened gets one of them.

    A stdout that was closed cannot be written afterwards either; a stderr that was closed swallows the talk.
    """
    for number, mode in enumerate((os.O_RDONLY, os.O_RDONLY, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, mode)  # the lowest free number is this one
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115


def drop_broken_streams() -> None:
    """Else the interpreter writes once more what could not be written, while it ends, and complains."""
    for number, stream in ((1, sys.stdout), (2, sys.stderr)):
        try:
            stream.flush()
        except (OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, number)
            os.close(nowhere)


def result_error(error: OSError) -> FloeError:
    """What to say where a result cannot be written to stdout."""
    if error.errno == errno.EBADF:
        return DiskError("it is closed, so the result cannot be shown", where=STDOUT, hint="leave out `>&-`")
    found = disk_error(error, STDOUT)
    return type(found)(f"the result cannot be written: {found.message}", where=STDOUT, hint="send it somewhere else")
