"""Run by the image's interpreter, as text: compiles what comes in on stdin. Imports nothing but built-ins.

marshal's output depends on which strings the interpreter has interned and on who else refers to them. So every part is
compiled in a fork of a process that never compiled anything, and the one-letter strings, which CPython makes when first
used, are made beforehand.

In: ``P`` begins a part, ``C`` + two lengths (4 bytes each, little-endian) + path + source, ``E`` ends the part.
Out: for each ``C`` a length and the .pyc, or the length 0 where the source does not compile.
"""

import _frozen_importlib_external
import _imp
import marshal
import os
import sys

# PEP 552: magic number, flags, hash of the source. Flag 1 without flag 2: valid without looking at the source.
_UNCHECKED_HASH = (1).to_bytes(4, "little")
_LARGE = 1 << 18


def main() -> None:
    letters = [sys.intern(chr(code)) for code in range(256)]
    # Referred to until the end, so that every one-letter string has more than one owner from the start.
    sys.__dict__["floe_letters"] = letters
    magic = int.from_bytes(_frozen_importlib_external.MAGIC_NUMBER, "little")
    while True:
        command = _read(1)
        if command != b"P":
            os._exit(0 if not command else 2)
        child = os.fork()
        if child == 0:
            _part(magic)
            os._exit(0)
        if os.waitpid(child, 0)[1] != 0:
            os._exit(3)


def _part(magic: int) -> None:
    while _read(1) == b"C":
        path = _read(_length())
        source = _read(_length())
        if len(source) <= _LARGE:
            _answer(path, source, magic)
            continue
        # The compiler takes about 60 times the source's size and does not give it back, but a process that ends does.
        child = os.fork()
        if child == 0:
            _answer(path, source, magic)
            os._exit(0)
        if os.waitpid(child, 0)[1] != 0:
            os._exit(3)


def _answer(path: bytes, source: bytes, magic: int) -> None:
    data = _compile(path.decode(), source, magic)
    _write(len(data).to_bytes(4, "little") + data)


def _compile(path: str, source: bytes, magic: int) -> bytes:
    try:
        code = compile(source, path, "exec", dont_inherit=True, optimize=0)
    except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError):
        return b""
    head = magic.to_bytes(4, "little") + _UNCHECKED_HASH + _imp.source_hash(magic, source)
    return head + marshal.dumps(code)


def _length() -> int:
    return int.from_bytes(_read(4), "little")


def _read(size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = os.read(0, size - len(data))
        if not more:
            return b""
        data += more
    return data


def _write(data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(1, view) :]


if __name__ == "__main__":
    main()
