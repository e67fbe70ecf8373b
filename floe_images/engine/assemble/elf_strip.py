"""ELF libraries without what only a debugger reads: symbol and debug sections.

Planned from the headers and then streamed, so that no library is ever in memory as a whole.
Source: https://refspecs.linuxfoundation.org/elf/gabi4+/contents.html.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_WORTHWHILE = 16_384  # below that the file stays as its publisher made it

_EHDR = struct.Struct("<16sHHIQQQIHHHHHH")
_PHDR = struct.Struct("<IIQQQQQQ")
_SHDR = struct.Struct("<IIQQQQIIQQ")
_PT_LOAD = 1
_SHT_SYMTAB, _SHT_STRTAB, _SHT_RELA, _SHT_NOBITS, _SHT_REL = 2, 3, 4, 8, 9
_SHF_ALLOC = 2
_CHUNK = 1 << 18

# (offset, length) → the bytes there.
ReadAt = Callable[[int, int], bytes]
Range = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Stripped:
    """``pieces``: new bytes, or a range (start, end) of the original to be copied; ``size`` is what they sum up to."""

    pieces: tuple[bytes | Range, ...]
    size: int

    def content(self, read: ReadAt) -> Iterator[bytes]:
        for piece in self.pieces:
            if isinstance(piece, bytes):
                yield piece
            else:
                for offset in range(*piece, _CHUNK):
                    yield read(offset, min(_CHUNK, piece[1] - offset))


def may_be_stripped(path: str) -> bool:
    """DuckDB's extensions end in a signature over their own bytes: only files known to be plain libraries qualify."""
    name = path.rpartition("/")[2]
    return name.endswith(".so") or ".so." in name


def plan_strip(read: ReadAt, size: int) -> Stripped | None:
    """How to leave out a library's symbol and debug sections: what the dynamic loader maps stays byte for byte.

    Bytes outside of every kept section and segment are cut; before a segment only in multiples of the segments'
    alignment, since its offset and its address have to agree modulo that. Indexes of sections stay, since symbols refer
    to them. None for what is not a 64-bit little-endian library, has anything that no header accounts for (a signature,
    an archive), or would hardly shrink.
    """
    try:
        found = _plan(read, size)
    except (struct.error, IndexError, ValueError):
        return None
    return found if found and found.size + _WORTHWHILE <= size else None


def strip(data: bytes) -> bytes:
    """A small library at once; unchanged where ``plan_strip`` has no plan."""

    def read(offset: int, length: int) -> bytes:
        return data[offset : offset + length]

    plan = plan_strip(read, len(data))
    return b"".join(plan.content(read)) if plan else data


def _plan(read: ReadAt, size: int) -> Stripped | None:
    ident, kind, _, _, _, phoff, shoff, _, _, phsize, phnum, shsize, shnum, names = head = _EHDR.unpack(read(0, 64))
    if ident[:7] != b"\x7fELF\x02\x01\x01" or kind != 3 or not shnum or phoff < _EHDR.size:
        return None
    if (phsize, shsize) != (_PHDR.size, _SHDR.size):
        return None
    segments = [list(each) for each in _PHDR.iter_unpack(read(phoff, phnum * phsize))]
    sections = [list(each) for each in _SHDR.iter_unpack(read(shoff, shnum * shsize))]
    strings = read(sections[names][4], sections[names][5])
    dropped = [each for index, each in enumerate(sections) if index != names and _droppable(each, strings)]
    table = (shoff, shoff + shnum * shsize)
    mapped = [(0, _EHDR.size), (phoff, phoff + phnum * phsize), *((s[2], s[2] + s[5]) for s in segments if s[5])]
    if not dropped or size != max(table[1], *(_range(each)[1] for each in sections), *(end for _, end in mapped)):
        return None

    mapped_end = max(end for _, end in mapped)
    stored = [
        each for each in sections if each[1] not in (0, _SHT_NOBITS) and not any(each is gone for gone in dropped)
    ]
    tail = [each for each in stored if each[4] >= mapped_end and not each[2] & _SHF_ALLOC]
    body = _merged([*mapped, *(_range(each) for each in stored if not any(each is other for other in tail))])
    known = _merged([*body, table, *map(_range, dropped), *map(_range, tail)])
    for start, end in _gaps(known):
        if end - start >= _CHUNK or any(read(start, end - start)):
            return None  # something that no header accounts for

    align = max((segment[7] for segment in segments if segment[0] == _PT_LOAD), default=1) or 1
    cuts = [(end - (end - start) // align * align, end) for start, end in _gaps(body)]

    def moved(offset: int) -> int:
        return offset - sum(end - start for start, end in cuts if end <= offset)

    for segment in segments:
        segment[2] = moved(segment[2])
    patches = {phoff: b"".join(_PHDR.pack(*segment) for segment in segments)}
    out = moved(body[-1][1])
    behind: list[bytes | Range] = []
    for section in sections:
        if any(section is gone for gone in dropped):
            section[:] = [0] * len(section)
        elif any(section is each for each in tail):
            padding = -out % max(section[8], 1)
            behind += [bytes(padding), _range(section)]
            section[4], out = out + padding, out + padding + section[5]
        else:
            section[4] = moved(section[4])
    behind += [bytes(-out % 8), b"".join(_SHDR.pack(*section) for section in sections)]
    out += -out % 8
    patches[0] = _EHDR.pack(*head[:5], moved(phoff), out, *head[7:])
    pieces: list[bytes | Range] = []
    for (start, end), gap in zip(body, [*_gaps(body), (0, 0)], strict=True):
        pieces += [*_patched(start, end, patches), bytes((gap[1] - gap[0]) % align)]
    return Stripped(pieces=tuple(pieces + behind), size=out + shnum * shsize)


def _droppable(section: list[int], strings: bytes) -> bool:
    if section[2] & _SHF_ALLOC:
        return False
    name = strings[section[0] : strings.index(b"\0", section[0])]
    symbols = section[1] in (_SHT_SYMTAB, _SHT_STRTAB, _SHT_RELA, _SHT_REL)
    return symbols or name.startswith((b".debug", b".zdebug", b".gdb"))


def _range(section: list[int]) -> Range:
    return section[4], section[4] + (0 if section[1] == _SHT_NOBITS else section[5])


def _merged(ranges: list[Range]) -> list[Range]:
    """The same bytes as ranges that neither touch nor overlap, in order."""
    merged: list[Range] = []
    for start, end in sorted(each for each in ranges if each[0] < each[1]):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _gaps(merged: list[Range]) -> list[Range]:
    return [(before[1], after[0]) for before, after in itertools.pairwise(merged)]


def _patched(start: int, end: int, patches: dict[int, bytes]) -> Iterator[bytes | Range]:
    for offset in sorted(patches):
        if start <= offset < end:
            yield (start, offset)
            yield patches[offset]
            start = offset + len(patches[offset])
    yield (start, end)
