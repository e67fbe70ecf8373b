"""RECORD: a wheel's own list of its files with their hashes.

Source: https://packaging.python.org/specifications/recording-installed-packages/ and, for wheels,
https://packaging.python.org/specifications/binary-distribution-format/.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
from collections.abc import Iterable
from dataclasses import dataclass

# The wheel specification refuses md5 and sha1.
ALGORITHMS = ("sha256", "sha384", "sha512")


@dataclass(frozen=True, kw_only=True)
class RecordLine:
    """``path`` is relative to the folder of the .dist-info; ``digest`` is ``sha256=…`` as RECORD has it, or empty."""

    path: str
    digest: str
    size: int | None


def read_record(data: bytes) -> dict[str, RecordLine]:
    """Path → line. Raise ValueError for anything that is not a RECORD, and for a path that occurs twice."""
    lines: dict[str, RecordLine] = {}
    for row in csv.reader(io.StringIO(data.decode("utf-8"), newline="")):
        if not row:
            continue
        if len(row) != 3:
            raise ValueError(f"a line of {len(row)} fields")
        path, digest, size = row
        if path in lines:
            raise ValueError(f"{path!r} occurs twice")
        if digest and digest.partition("=")[0] not in ALGORITHMS:
            raise ValueError(f"{path!r} has no strong hash")
        lines[path] = RecordLine(path=path, digest=digest.rstrip("="), size=int(size) if size else None)
    return lines


def write_record(lines: Iterable[RecordLine]) -> bytes:
    """The same bytes for the same lines in any order."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    for line in sorted(lines, key=lambda each: each.path):
        writer.writerow((line.path, line.digest, "" if line.size is None else line.size))
    return out.getvalue().encode()


def digest_text(digest: bytes, algorithm: str = "sha256") -> str:
    """``sha256=`` and the unpadded URL-safe base64 of a raw digest."""
    return f"{algorithm}={base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def digest_of(data: bytes, algorithm: str = "sha256") -> str:
    return digest_text(hashlib.new(algorithm, data).digest(), algorithm)
