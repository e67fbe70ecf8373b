"""Honest Debian packages, written by a test as it needs them."""

from __future__ import annotations

import gzip
import hashlib
import io
import lzma
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from floe_images.lock.model import LockedDeb, LockedFile

Item = tuple[tarfile.TarInfo, bytes]


def file(path: str, body: bytes = b"", mode: int = 0o644) -> Item:
    member = tarfile.TarInfo(path)
    member.size, member.mode = len(body), mode
    return member, body


def folder(path: str, mode: int = 0o755) -> Item:
    member = tarfile.TarInfo(path)
    member.type, member.mode = tarfile.DIRTYPE, mode
    return member, b""


def link(path: str, target: str, *, hard: bool = False) -> Item:
    member = tarfile.TarInfo(path)
    member.type, member.linkname = tarfile.LNKTYPE if hard else tarfile.SYMTYPE, target
    return member, b""


def write_deb(
    place: Path,
    items: Sequence[Item],
    *,
    name: str = "sample",
    version: str = "1.0-1",
    architecture: str = "all",
    scripts: Mapping[str, str] | None = None,
    md5sums: str = "",
    compression: str = "xz",
    format: int = tarfile.GNU_FORMAT,
) -> tuple[Path, LockedDeb]:
    """The package's file in the folder ``place``, and what a lock says about it."""
    control = f"Package: {name}\nVersion: {version}\nArchitecture: {architecture}\nDescription: made by a test\n"
    parts = [file("./control", control.encode())]
    if md5sums:
        parts.append(file("./md5sums", md5sums.encode()))
    parts += [file(f"./{script}", text.encode(), 0o755) for script, text in (scripts or {}).items()]
    pack = {"xz": lzma.compress, "gz": lambda body: gzip.compress(body, mtime=0)}[compression]
    out = io.BytesIO()
    out.write(b"!<arch>\n")
    for member, body in (
        ("debian-binary", b"2.0\n"),
        ("control.tar.xz", lzma.compress(_tar(parts, format))),
        (f"data.tar.{compression}", pack(_tar(items, format))),
    ):
        out.write(f"{member:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(body):<10}`\n".encode())
        out.write(body + b"\n" * (len(body) % 2))
    place.mkdir(parents=True, exist_ok=True)
    path = place / f"{name}_{version}_{architecture}.deb"
    path.write_bytes(out.getvalue())
    locked = LockedFile(name=path.name, size=path.stat().st_size, sha256=hashlib.sha256(out.getvalue()).hexdigest())
    return path, LockedDeb(
        name=name,
        version=version,
        architecture=architecture,
        archive="debian",
        pool=f"pool/main/s/{name}/{path.name}",
        source=name,
        file=locked,
    )


def _tar(items: Sequence[Item], format: int) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=format) as tar:
        for member, body in items:
            tar.addfile(member, io.BytesIO(body))
    return stream.getvalue()
