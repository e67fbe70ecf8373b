"""ELF libraries without what only a debugger reads: symbol and debug sections.

Source: https://refspecs.linuxfoundation.org/elf/gabi4+/contents.html.
"""

from __future__ import annotations

import struct

MAX_STRIPPED = 128_000_000
_WORTHWHILE = 16_384  # below that the file stays as its publisher made it

_EHDR = struct.Struct("<16sHHIQQQIHHHHHH")
_PHDR = struct.Struct("<IIQQQQQQ")
_SHDR = struct.Struct("<IIQQQQIIQQ")
_PT_LOAD = 1
_SHT_SYMTAB, _SHT_STRTAB, _SHT_RELA, _SHT_NOBITS, _SHT_REL = 2, 3, 4, 8, 9
_SHF_ALLOC = 2


def may_be_stripped(path: str) -> bool:
    """DuckDB's extensions end in a signature over their own bytes: only files known to be plain libraries qualify."""
    name = path.rpartition("/")[2]
    return name.endswith(".so") or ".so." in name


def strip(data: bytes) -> bytes:
    """The library without its symbol and debug sections: what the dynamic loader maps stays byte for byte.

    Bytes outside of every kept section and segment are cut; before a segment only in multiples of the segments'
    alignment, since its offset and its address have to agree modulo that. Indexes of sections stay, since symbols refer
    to them. Returned unchanged: what is not a 64-bit little-endian library, has anything that no header accounts for
    (a signature, an archive), or would hardly shrink.
    """
    try:
        smaller = _strip(data)
    except (struct.error, IndexError, ValueError):
        return data
    return smaller if smaller is not None and len(smaller) + _WORTHWHILE <= len(data) else data


def _strip(data: bytes) -> bytes | None:
    ident, kind, _, _, _, phoff, shoff, _, _, phsize, phnum, shsize, shnum, names = head = _EHDR.unpack_from(data)
    if ident[:7] != b"\x7fELF\x02\x01\x01" or kind != 3 or (phsize, shsize) != (_PHDR.size, _SHDR.size) or not shnum:
        return None
    segments = [list(_PHDR.unpack_from(data, phoff + index * phsize)) for index in range(phnum)]
    sections = [list(_SHDR.unpack_from(data, shoff + index * shsize)) for index in range(shnum)]
    dropped = {
        index for index, section in enumerate(sections) if index != names and _droppable(data, section, sections[names])
    }
    table = (shoff, shoff + shnum * shsize)
    if not dropped or len(data) != max(
        table[1], *(_end(section) for section in sections), *(s[2] + s[5] for s in segments)
    ):
        return None

    kept = [(0, _EHDR.size), (phoff, phoff + phnum * phsize), *((s[2], s[2] + s[5]) for s in segments if s[5])]
    mapped_end = max(end for _, end in kept)
    tail = []
    for index, section in enumerate(sections):
        if index in dropped or section[1] in (0, _SHT_NOBITS):
            continue
        if section[4] >= mapped_end and not section[2] & _SHF_ALLOC:
            tail.append(section)
        else:
            kept.append((section[4], _end(section)))
    body_end = max(end for _, end in kept)
    body = bytearray(data)
    for start, end in (table, *((sections[index][4], _end(sections[index])) for index in dropped)):
        body[start:end] = bytes(end - start)
    if any(body.count(0, start, end) != end - start for start, end in _gaps(kept, body_end)):
        return None  # something that no header accounts for

    align = max((segment[7] for segment in segments if segment[0] == _PT_LOAD), default=1) or 1
    cuts = [(end - (end - start) // align * align, end) for start, end in _gaps(kept, body_end) if end - start >= align]
    out = bytearray()
    position = 0
    for start, end in cuts:
        out += body[position:start]
        position = end
    out += body[position:body_end]

    def moved(offset: int) -> int:
        return offset - sum(end - start for start, end in cuts if end <= offset)

    for segment in segments:
        segment[2] = moved(segment[2])
    for section in tail:
        out += bytes(-len(out) % max(section[8], 1))
        section[4], place = len(out), section[4]
        out += data[place : place + section[5]]
    for index, section in enumerate(sections):
        if index in dropped:
            section[:] = [0] * len(section)
        elif not any(section is each for each in tail):
            section[4] = moved(section[4])
    out += bytes(-len(out) % 8)
    _EHDR.pack_into(out, 0, *head[:5], moved(phoff), len(out), *head[7:])
    for index, segment in enumerate(segments):
        _PHDR.pack_into(out, moved(phoff) + index * phsize, *segment)
    return bytes(out) + b"".join(_SHDR.pack(*section) for section in sections)


def _droppable(data: bytes, section: list[int], names: list[int]) -> bool:
    if section[2] & _SHF_ALLOC:
        return False
    start = names[4] + section[0]
    name = data[start : data.index(b"\0", start)]
    return section[1] in (_SHT_SYMTAB, _SHT_STRTAB, _SHT_RELA, _SHT_REL) or name.startswith(
        (b".debug", b".zdebug", b".gdb")
    )


def _end(section: list[int]) -> int:
    return section[4] + (0 if section[1] == _SHT_NOBITS else section[5])


def _gaps(kept: list[tuple[int, int]], end: int) -> list[tuple[int, int]]:
    """The ranges of ``[0, end)`` that no kept range covers."""
    gaps, position = [], 0
    for start, stop in sorted(kept):
        if start > position:
            gaps.append((position, start))
        position = max(position, stop)
    return gaps if position >= end else [*gaps, (position, end)]
