from __future__ import annotations

import gzip
import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from floe_images.engine.assemble.gzip import DamagedError, Member, member, read_member

TEXT = b"".join(hashlib.sha256(str(number).encode()).hexdigest().encode() for number in range(20_000))


def in_chunks(size: int) -> bytes:
    out: list[bytes] = []
    writer = Member(out.append)
    for start in range(0, len(TEXT), size):
        writer.write(TEXT[start : start + size])
    writer.close()
    assert writer.tar_size == len(TEXT)
    assert writer.size == len(b"".join(out))
    return b"".join(out)


def test_how_content_arrives_does_not_matter() -> None:
    whole = member([TEXT])
    assert {in_chunks(size) for size in (7_919, 1 << 18, (1 << 18) + 1, len(TEXT))} == {whole}


def test_the_bytes_are_these() -> None:
    """Golden: other bytes come from another compressor or level, which the lock records."""
    assert hashlib.sha256(member([TEXT])).hexdigest() == GOLDEN


def test_members_make_one_stream(tmp_path: Path) -> None:
    glued = member([b"one"]) + member([TEXT]) + member([b""]) + member([b"two"])
    assert gzip.decompress(glued) == b"one" + TEXT + b"two"
    (tmp_path / "glued.gz").write_bytes(glued)
    if shutil.which("gzip"):
        subprocess.run(["gzip", "-t", tmp_path / "glued.gz"], check=True)


def test_the_header_names_nothing() -> None:
    assert member([b""])[:10] == bytes.fromhex("1f8b08000000000000ff")


def test_reading_gives_both_sides(tmp_path: Path) -> None:
    path = tmp_path / "member"
    path.write_bytes(member([TEXT]))
    pairs = list(read_member(path))
    assert b"".join(stored for stored, _ in pairs) == path.read_bytes()
    assert b"".join(plain for _, plain in pairs) == TEXT


@pytest.mark.parametrize(
    "damage",
    [
        lambda body: body[:-1],
        lambda body: body[: len(body) // 2],
        lambda body: body + b"\0",
        lambda body: body + member([b"more"]),
        lambda body: body[:1000] + bytes([body[1000] ^ 1]) + body[1001:],
        lambda body: body[:-8] + bytes(4) + body[-4:],
        lambda body: b"",
    ],
)
def test_damage_is_seen(damage: object, tmp_path: Path) -> None:
    path = tmp_path / "member"
    path.write_bytes(damage(member([TEXT])))  # type: ignore[operator]
    with pytest.raises(DamagedError):
        list(read_member(path))


GOLDEN = "d0b218bd8b76851e439e5887bdfcb4be235b3806e17912520554b1066fb494ce"
