from __future__ import annotations

import hashlib
import io
import tarfile
from importlib import metadata

import pytest

from floe_images.engine.assemble import tar
from floe_images.engine.assemble.entry import Entry
from floe_images.engine.assemble.packer import compressor_version

LONG = "usr/" + "/".join(["folder-with-a-name"] * 12) + "/file.py"
ENTRIES = (
    Entry(path="usr/bin/tool", kind="file", mode=0o755, size=5),
    Entry(path="usr/share", kind="dir", mode=0o755),
    Entry(path="tmp", kind="dir", mode=0o1777),
    Entry(path="bin", kind="symlink", mode=0o777, link="usr/bin"),
    Entry(path="usr/bin/same", kind="hardlink", mode=0o755, link="usr/bin/tool"),
    Entry(path="usr/" + "n" * 96, kind="file", mode=0o644),  # exactly 100 bytes
    Entry(path="usr/" + "n" * 97, kind="file", mode=0o644),  # fits by the prefix
    Entry(path="usr/" + "n" * 110, kind="file", mode=0o644),  # fits nowhere
    Entry(path="usr/" + "d" * 96, kind="dir", mode=0o755),  # the slash at the end makes it 101
    Entry(path=LONG, kind="file", mode=0o644, size=1025),
    Entry(path="usr/share/grüße/ß", kind="file", mode=0o644),
    Entry(path="usr/lib/far", kind="symlink", mode=0o777, link="../" * 40 + "usr/target"),
)


def archive(entries: tuple[Entry, ...]) -> bytes:
    return b"".join(tar.header(entry) + b"x" * entry.size + tar.padding(entry.size) for entry in entries) + tar.END


def test_the_bytes_are_these() -> None:
    """Golden: a change of the packer's bytes must come with a new PACKER_VERSION."""
    assert hashlib.sha256(archive(ENTRIES)).hexdigest() == GOLDEN


def test_python_reads_what_was_written() -> None:
    kinds = {"file": tarfile.REGTYPE, "dir": tarfile.DIRTYPE, "symlink": tarfile.SYMTYPE, "hardlink": tarfile.LNKTYPE}
    with tarfile.open(fileobj=io.BytesIO(archive(ENTRIES))) as read:
        members = read.getmembers()
        assert [member.name for member in members] == [entry.path for entry in ENTRIES]
        for member, entry in zip(members, ENTRIES, strict=True):
            assert (member.type, member.mode, member.size) == (kinds[entry.kind], entry.mode, entry.size)
            assert member.linkname == entry.link
            assert (member.uid, member.gid, member.uname, member.gname) == (0, 0, "", "")
            assert member.mtime == 315532800
            if entry.kind == "file":
                content = read.extractfile(member)
                assert content is not None
                assert content.read() == b"x" * entry.size


def test_a_size_beyond_octal_has_a_pax_record() -> None:
    size = 8 * 1024**3
    header = tar.header(Entry(path="usr/big", kind="file", mode=0o644, size=size))
    assert tarfile.TarInfo.frombuf(header[:512], "utf-8", "strict").type == tarfile.XHDTYPE
    assert header[512:1024].rstrip(b"\0") == b"19 size=8589934592\n"


@pytest.mark.parametrize(("size", "zeros"), [(0, 0), (1, 511), (512, 0), (513, 511)])
def test_content_ends_at_a_block(size: int, zeros: int) -> None:
    assert tar.padding(size) == bytes(zeros)


GOLDEN = "8ff59e0060fd36960865f70399b92dc529b0ef238969e0c0d15f00c368c8f968"


def test_the_compressors_version_is_the_installed_distributions() -> None:
    """floe.lock records it, and reading it from the package costs less than looking the distribution up."""
    assert compressor_version() == metadata.version("zlib-ng")
