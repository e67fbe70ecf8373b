"""Small built images for tests: a static program of a few hundred bytes per platform, no download."""

from __future__ import annotations

import gzip
import hashlib
import io
import struct
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from floe_images.image.build import BuiltImage, build_image
from floe_images.image.digest import Digest
from floe_images.image.layer import LayerBlob
from floe_images.image.platform import Platform

AMD64 = Platform("linux", "amd64")
ARM64 = Platform("linux", "arm64")
EPOCH = 1_700_000_000


@dataclass(frozen=True, kw_only=True)
class Settings:
    """A ``RunSettings`` with values that a test can look for."""

    user: str = "10001:0"
    env: tuple[tuple[str, str], ...] = (("HOME", "/tmp"), ("A", "b=c"))
    entrypoint: tuple[str, ...] = ("/bin/say",)
    cmd: tuple[str, ...] = ()
    working_dir: str = "/"
    volumes: tuple[str, ...] = ("/var/lib/floe",)
    labels: tuple[tuple[str, str], ...] = (("org.opencontainers.image.version", "0.1.0"),)
    healthcheck: tuple[str, ...] = ("CMD", "/bin/say")
    exposed_ports: tuple[str, ...] = ()
    stop_signal: str = "SIGTERM"


@dataclass(frozen=True)
class Blobs:
    """Stands for the cache: layers under their digest."""

    folder: Path
    made: list[LayerBlob] = field(default_factory=list)

    def path(self, digest: Digest) -> Path:
        return self.folder / digest.hex

    def layer(self, name: str, files: Mapping[str, bytes | None] | Sequence[tuple[str, bytes | None]]) -> LayerBlob:
        """A layer with ``files`` (None: a folder) in the order given; files are executable."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
            for path, data in files.items() if isinstance(files, Mapping) else files:
                entry = tarfile.TarInfo(path)
                entry.mode = 0o755
                entry.type = tarfile.DIRTYPE if data is None else tarfile.REGTYPE
                entry.size = len(data or b"")
                archive.addfile(entry, io.BytesIO(data or b""))
        tar = buffer.getvalue()
        half = len(tar) // 2
        # Two gzip members, as floe's own layers have many.
        stored = gzip.compress(tar[:half], mtime=0) + gzip.compress(tar[half:], mtime=0)
        digest = Digest.of(stored)
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.path(digest).exists():  # a layout may have linked to it, and then nobody may write it
            self.path(digest).write_bytes(stored)
        blob = LayerBlob(
            name=name,
            digest=digest,
            diff_id="sha256:" + hashlib.sha256(tar).hexdigest(),
            size=len(stored),
            tar_size=len(tar),
            rebuilt=True,
        )
        self.made.append(blob)
        return blob


def sample_image(blobs: Blobs, platform: Platform, word: str = "hello") -> BuiltImage:
    """A base, a layer with packages, and a program that prints ``word`` and leaves with its user id's last byte."""
    base = blobs.layer("system", {"bin": None, "tmp": None, "var": None, "var/lib": None, "var/lib/floe": None})
    site = "usr/local/lib/python3.11/dist-packages"
    vendored = f"{site}/tiny_thing/_vendor/inner-3.dist-info"
    status = b"Package: libfoo1\nStatus: install ok installed\nVersion: 1.2-3\nArchitecture: all\n"
    packages = blobs.layer(
        "python",
        {
            "var/lib/dpkg/status.d/libfoo1": status,
            f"{site}/tiny_thing-1.2.dist-info/METADATA": (
                b"Metadata-Version: 2.1\nName: tiny-thing\nVersion: 1.2\n\nVersion: 9\n"
            ),
            f"{vendored}/METADATA": b"Metadata-Version: 2.1\nName: inner\nVersion: 3\n",
        },
    )
    program = blobs.layer("project", {"bin/say": static_program(platform, f"{word} {platform.architecture}\n")})
    return build_image(platform, (base, packages, program), Settings(), epoch=EPOCH, annotations=(("a", "b"),))


def static_program(platform: Platform, text: str) -> bytes:
    """An ELF file that writes ``text`` to stdout and exits with the low byte of its user id."""
    head, base = 64 + 56, 0x400000
    data = text.encode()
    if platform.architecture == "amd64":
        size = len(_amd64(0, 0))
        code, machine = _amd64(base + head + size, len(data)), 62
    else:
        size = len(_arm64(0, 0))
        code, machine = _arm64(base + head + size, len(data)), 183
    total = head + len(code) + len(data)
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    header = ident + struct.pack("<HHIQQQIHHHHHH", 2, machine, 1, base + head, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, total, total, 0x10000)
    return header + segment + code + data


def _amd64(address: int, length: int) -> bytes:
    return (
        b"\xb8\x01\x00\x00\x00\xbf\x01\x00\x00\x00"  # mov eax, 1 (write); mov edi, 1
        + b"\xbe" + struct.pack("<I", address)  # mov esi, address
        + b"\xba" + struct.pack("<I", length)  # mov edx, length
        + b"\x0f\x05"  # syscall
        + b"\xb8\x66\x00\x00\x00\x0f\x05"  # mov eax, 102 (getuid); syscall
        + b"\x89\xc7\xb8\x3c\x00\x00\x00\x0f\x05"  # mov edi, eax; mov eax, 60 (exit); syscall
    )  # fmt: skip


def _arm64(address: int, length: int) -> bytes:
    def move(register: int, value: int, *, high: bool = False) -> int:
        return (0xF2A00000 if high else 0xD2800000) | value << 5 | register

    words = (
        move(8, 64), move(0, 1),  # write, stdout
        move(1, address & 0xFFFF), move(1, address >> 16, high=True),
        move(2, length), 0xD4000001,  # svc 0
        move(8, 174), 0xD4000001,  # getuid
        move(8, 93), 0xD4000001,  # exit with what getuid left in x0
    )  # fmt: skip
    return struct.pack(f"<{len(words)}I", *words)
