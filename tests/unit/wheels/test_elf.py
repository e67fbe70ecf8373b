"""Cutting symbols off a library: the loader's bytes stay, the rest goes, and what is not plainly a library is left."""

from __future__ import annotations

import struct

import pytest

from floe_images.engine.assemble.elf import check_machine
from floe_images.engine.assemble.elf_strip import may_be_stripped, strip
from floe_images.errors import WrongMachineError
from tests.support.wheels import AMD64, ARM64

_EHDR = struct.Struct("<16sHHIQQQIHHHHHH")
_PHDR = struct.Struct("<IIQQQQQQ")
_SHDR = struct.Struct("<IIQQQQIIQQ")
PAGE = 0x1000
TEXT, DATA, COMMENT = b"T" * 5000, b"D" * 3000, b"compiler 1.0\0"
NAMES = b"\0.text\0.data\0.comment\0.symtab\0.strtab\0.debug_info\0.shstrtab\0"


def library(
    *, between: int = 0x9000, behind: int = 0x5000, appended: bytes = b"", kind: int = 3, hidden: bytes = b""
) -> bytes:
    """Two segments, ``between`` bytes of debug sections in the middle (as patchelf leaves them) and ``behind`` bytes of
    symbols at the end."""
    text_at = 0x1000
    debug_at = text_at + len(TEXT)
    data_at = -(-(debug_at + between + len(hidden)) // PAGE) * PAGE + 0x123
    symbols_at = data_at + len(DATA)
    comment_at = symbols_at + behind
    names_at = comment_at + len(COMMENT)
    table_at = -(-(names_at + len(NAMES)) // 8) * 8
    sections = [
        (0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
        (1, 1, 6, text_at, text_at, len(TEXT), 0, 0, 16, 0),
        (38, 1, 0, 0, debug_at, between, 0, 0, 1, 0),
        (7, 1, 3, 0x100000 + data_at, data_at, len(DATA), 0, 0, 1, 0),
        (22, 2, 0, 0, symbols_at, behind - 100, 5, 0, 8, 24),
        (30, 3, 0, 0, symbols_at + behind - 100, 100, 0, 0, 1, 0),
        (13, 1, 0x30, 0, comment_at, len(COMMENT), 0, 0, 1, 1),
        (50, 3, 0, 0, names_at, len(NAMES), 0, 0, 1, 0),
    ]
    segments = [
        (1, 5, 0, 0, 0, text_at + len(TEXT), text_at + len(TEXT), PAGE),
        (1, 6, data_at, 0x100000 + data_at, 0x100000 + data_at, len(DATA), len(DATA) + 64, PAGE),
        (0x6474E551, 6, 0, 0, 0, 0, 0, 16),
    ]
    out = bytearray(table_at + len(sections) * 64)
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    _EHDR.pack_into(out, 0, ident, kind, 62, 1, 0, 64, table_at, 0, 64, 56, len(segments), 64, len(sections), 7)
    for index, segment in enumerate(segments):
        _PHDR.pack_into(out, 64 + index * 56, *segment)
    for at, data in (
        (text_at, TEXT), (debug_at, b"G" * between + hidden), (data_at, DATA), (symbols_at, b"S" * behind),
        (comment_at, COMMENT), (names_at, NAMES),
    ):  # fmt: skip
        out[at : at + len(data)] = data
    for index, section in enumerate(sections):
        _SHDR.pack_into(out, table_at + index * 64, *section)
    return bytes(out) + appended


def _read(data: bytes) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]]]:
    head = _EHDR.unpack_from(data)
    segments = [_PHDR.unpack_from(data, head[5] + index * 56) for index in range(head[10])]
    sections = [_SHDR.unpack_from(data, head[6] + index * 64) for index in range(head[12])]
    return segments, sections


@pytest.mark.parametrize("between", [0x9000, 0, 100])
def test_symbols_go_and_what_is_mapped_stays(between: int) -> None:
    before = library(between=between, behind=0x9000)
    after = strip(before)
    assert len(before) - len(after) >= 0x9000 + between // PAGE * PAGE
    assert b"SSSS" not in after
    old_segments, old_sections = _read(before)
    segments, sections = _read(after)
    for old, new in zip(old_segments, segments, strict=True):
        assert (old[0], old[1], *old[3:]) == (new[0], new[1], *new[3:]), "addresses, sizes and flags do not move"
        assert after[new[2] : new[2] + new[5]][PAGE:] == before[old[2] : old[2] + old[5]][PAGE:]
        assert new[0] != 1 or new[2] % new[7] == new[3] % new[7]
    for old, new in zip(old_sections, sections, strict=True):
        gone = old[0] in (22, 30, 38)
        assert new[5] == (0 if gone else old[5])
        if not gone:
            assert after[new[4] : new[4] + new[5]] == before[old[4] : old[4] + old[5]]
    assert strip(after) == after


@pytest.mark.parametrize(
    "data",
    [
        library(appended=b"signature"),
        library(appended=bytes(4096)),
        library(hidden=b"what no header accounts for"),
        library(kind=2),
        library(between=0, behind=2000),
        library()[:-200],
        b"\x7fELF",
        b"",
        b"\x7fELF\x01" + library()[5:],
    ],
    ids=["signature", "zeros", "hidden", "program", "hardly smaller", "cut off", "magic", "empty", "32-bit"],
)
def test_what_is_not_plainly_a_library_with_symbols_stays(data: bytes) -> None:
    assert strip(data) == data


def test_only_names_of_libraries_are_stripped() -> None:
    assert [may_be_stripped(name) for name in ("a/b.so", "a/libb.so.2", "a/x.duckdb_extension", "a/b.source")] == [
        True, True, False, False,
    ]  # fmt: skip


def test_machines() -> None:
    check_machine(library(), AMD64, "x")
    with pytest.raises(WrongMachineError, match="x: machine code for amd64 in an image for linux/arm64"):
        check_machine(library(), ARM64, "x")
    with pytest.raises(WrongMachineError, match="machine code for another machine"):
        check_machine(b"\x7fELF\x01\x01" + bytes(20), AMD64, "x")
    with pytest.raises(WrongMachineError, match="machine code for another machine"):
        check_machine(b"\x7fELF\x02\x01", AMD64, "x")
