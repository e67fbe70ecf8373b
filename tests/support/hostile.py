"""Wheels and Debian packages that no honest builder makes: each function writes one into a folder and returns its path.

A build that meets one must stop with ``HostileArchiveError`` (exit code 30), whatever hash the lock has for it.
"""

from __future__ import annotations

import io
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

Member = tarfile.TarInfo

WHEEL_NAME = "hostile"
DEB_NAME = "hostile-deb"


def wheels() -> dict[str, Callable[[Path], Path]]:
    """Case → maker of ``hostile-1.0-py3-none-any.whl``."""
    return {
        "traversal": lambda folder: _wheel(folder, [("../../evil.py", b"x = 1\n", 0)]),
        "traversal-inside": lambda folder: _wheel(folder, [("hostile/a/../../../evil.py", b"x = 1\n", 0)]),
        "absolute": lambda folder: _wheel(folder, [("/etc/evil", b"x", 0)]),
        "backslash": lambda folder: _wheel(folder, [("..\\..\\evil.py", b"x", 0)]),
        "newline": lambda folder: _wheel(folder, [("hostile/a\nb.py", b"x", 0)]),
        "data-traversal": lambda folder: _wheel(folder, [("hostile-1.0.data/data/../../../evil", b"x", 0)]),
        "scripts-traversal": lambda folder: _wheel(folder, [("hostile-1.0.data/scripts/../../evil", b"x", 0)]),
        "link": lambda folder: _wheel(folder, [("hostile/link", b"/etc/passwd", stat.S_IFLNK | 0o777)]),
        "device": lambda folder: _wheel(folder, [("hostile/device", b"", stat.S_IFCHR | 0o666)]),
        "bomb": lambda folder: _wheel(folder, [("hostile/zeros.bin", bytes(200 << 20), 0)]),
        "overlap": _overlapping_wheel,
        "lying-size": _lying_wheel,
        "twice": lambda folder: _wheel(folder, [("hostile/one.py", b"a = 1\n", 0), ("hostile/one.py", b"a = 2\n", 0)]),
        "file-and-folder": lambda folder: _wheel(folder, [("hostile/one", b"", 0), ("hostile/one/two.py", b"", 0)]),
        "cut-off": _cut_off_wheel,
    }


def debs() -> dict[str, Callable[[Path], Path]]:
    """Case → maker of ``hostile-deb_1.0_all.deb``."""
    return {
        "traversal": lambda folder: _deb(folder, [_file("./usr/../../evil", b"x")]),
        "traversal-first": lambda folder: _deb(folder, [_file("../evil", b"x")]),
        "link-out": lambda folder: _deb(folder, [_link("./usr/share/out", "../../../../../../etc/passwd")]),
        "link-then-through": lambda folder: _deb(
            folder, [_link("./usr/share/out", "/etc"), _file("./usr/share/out/evil", b"x")]
        ),
        "hardlink-out": lambda folder: _deb(folder, [_link("./usr/share/out", "../../etc/shadow", tarfile.LNKTYPE)]),
        "hardlink-to-nothing": lambda folder: _deb(folder, [_link("./usr/share/a", "./usr/share/b", tarfile.LNKTYPE)]),
        "character-device": lambda folder: _deb(folder, [_special("./dev/mem", tarfile.CHRTYPE)]),
        "block-device": lambda folder: _deb(folder, [_special("./dev/sda", tarfile.BLKTYPE)]),
        "fifo": lambda folder: _deb(folder, [_special("./run/pipe", tarfile.FIFOTYPE)]),
        "bomb": lambda folder: _deb(folder, [_file("./usr/share/zeros", bytes(400 << 20))], xz=True),
        "twice": lambda folder: _deb(folder, [_file("./usr/share/x/a", b"1"), _file("./usr/share/x/a", b"2")]),
        "not-ar": lambda folder: _write(folder / f"{DEB_NAME}_1.0_all.deb", b"!<hcra>\n" + bytes(200)),
        "ar-size": lambda folder: _damaged(_deb(folder, []), b"debian-binary", 48, b"99999999  "),
        "no-data": lambda folder: _deb(folder, [], members=("debian-binary", "control.tar.gz")),
        "cut-off": lambda folder: _cut(_deb(folder, [_file("./usr/share/x/a", bytes(range(256)) * 400)])),
    }


def _wheel(folder: Path, extra: list[tuple[str, bytes, int]]) -> Path:
    path = folder / f"{WHEEL_NAME}-1.0-py3-none-any.whl"
    info = f"{WHEEL_NAME}-1.0.dist-info"
    honest = [
        (f"{WHEEL_NAME}/__init__.py", b"VALUE = 1\n", 0),
        (f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {WHEEL_NAME}\nVersion: 1.0\n".encode(), 0),
        (f"{info}/WHEEL", b"Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n", 0),
    ]
    names = [name for name, _, _ in (*honest, *extra)]
    record = "".join(f"{name},,\n" for name in dict.fromkeys([*names, f"{info}/RECORD"])).encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        for name, body, mode in (*honest, *extra, (f"{info}/RECORD", record, 0)):
            entry = zipfile.ZipInfo("placeholder")
            entry.filename = entry.orig_filename = name  # ZipInfo() would make the name harmless
            entry.create_system, entry.compress_type = 3, zipfile.ZIP_DEFLATED
            entry.external_attr = (mode or stat.S_IFREG | 0o644) << 16
            if name not in wheel.NameToInfo:
                wheel.writestr(entry, body)
            else:
                _write_again(wheel, entry, body)
    return path


def _write_again(wheel: zipfile.ZipFile, entry: zipfile.ZipInfo, body: bytes) -> None:
    known = wheel.NameToInfo.pop(entry.filename)  # else it warns
    wheel.writestr(entry, body)
    assert wheel.filelist.count(known) == 1


def _overlapping_wheel(folder: Path) -> Path:
    """The central directory names the same compressed bytes twice (https://www.bamsoftware.com/hacks/zipbomb/)."""
    path = _wheel(folder, [("hostile/aaaa.bin", bytes(1000), 0), ("hostile/bbbb.bin", bytes(1000), 0)])
    body = bytearray(path.read_bytes())
    first, second = (_central(body, name) for name in (b"hostile/aaaa.bin", b"hostile/bbbb.bin"))
    body[second + 42 : second + 46] = body[first + 42 : first + 46]  # offset of the local header
    return _write(path, bytes(body))


def _lying_wheel(folder: Path) -> Path:
    """The directory promises more than the member holds."""
    path = _wheel(folder, [("hostile/aaaa.bin", bytes(5000), 0)])
    body = bytearray(path.read_bytes())
    at = _central(body, b"hostile/aaaa.bin")
    body[at + 24 : at + 28] = (9000).to_bytes(4, "little")  # uncompressed size
    return _write(path, bytes(body))


def _cut_off_wheel(folder: Path) -> Path:
    return _cut(_wheel(folder, [("hostile/aaaa.bin", bytes(range(256)) * 10, 0)]))


def _central(body: bytearray, name: bytes) -> int:
    """Where the central directory's entry of ``name`` begins."""
    return body.index(b"PK\x01\x02", body.rindex(name) - 46)


def _file(name: str, body: bytes) -> tuple[Member, bytes]:
    member = Member(name)
    member.size, member.mode = len(body), 0o644
    return member, body


def _link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tuple[Member, bytes]:
    member = Member(name)
    member.type, member.linkname, member.mode = kind, target, 0o777
    return member, b""


def _special(name: str, kind: bytes) -> tuple[Member, bytes]:
    member = Member(name)
    member.type, member.devmajor, member.devminor, member.mode = kind, 1, 1, 0o666
    return member, b""


def _deb(
    folder: Path,
    entries: list[tuple[Member, bytes]],
    *,
    xz: bool = False,
    members: tuple[str, ...] = ("debian-binary", "control.tar.gz", "data.tar"),
) -> Path:
    control = f"Package: {DEB_NAME}\nVersion: 1.0\nArchitecture: all\nMaintainer: Nobody <n@example.org>\n"
    bodies = {
        "debian-binary": b"2.0\n",
        "control.tar.gz": _gz(_tar([_file("./control", f"{control}Description: hostile\n".encode())])),
        "data.tar": _tar([_file("./usr/share/doc/hostile-deb/copyright", b"none\n"), *entries]),
    }
    if xz:
        bodies["data.tar.xz"] = lzma.compress(bodies.pop("data.tar"), preset=0)
        members = (*members[:2], "data.tar.xz")
    out = io.BytesIO(b"!<arch>\n")
    out.seek(0, io.SEEK_END)
    for name in members:
        body = bodies[name]
        out.write(f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(body):<10}`\n".encode())
        out.write(body + b"\n" * (len(body) % 2))
    return _write(folder / f"{DEB_NAME}_1.0_all.deb", out.getvalue())


def _tar(entries: list[tuple[Member, bytes]]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for member, body in entries:
            tar.addfile(member, io.BytesIO(body))
    return stream.getvalue()


def _gz(body: bytes) -> bytes:
    packer = zlib.compressobj(6, zlib.DEFLATED, 31)
    return packer.compress(body) + packer.flush()


def _damaged(path: Path, marker: bytes, offset: int, replacement: bytes) -> Path:
    body = bytearray(path.read_bytes())
    at = body.index(marker) + offset
    body[at : at + len(replacement)] = replacement
    return _write(path, bytes(body))


def _cut(path: Path) -> Path:
    body = path.read_bytes()
    return _write(path, body[: len(body) * 2 // 3])


def _write(path: Path, body: bytes) -> Path:
    path.write_bytes(body)
    return path
