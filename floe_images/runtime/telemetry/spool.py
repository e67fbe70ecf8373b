"""What could not be delivered, kept on the state volume for the next run: one file a parcel, in order of time.

``state/telemetry/<signal>/<endpoint>/<time>-<process>-<number>-<items>.parcel``: a line of JSON, then the body. Whoever
sends from a folder holds its lock, which the kernel frees however the process ends; adding files needs none.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import os
import re
import stat
import time
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from floe_images.runtime.telemetry.parcel import Parcel

LIMIT = 50_000_000
_NAME = re.compile(r"\d{20}-\d+-\d{6}-(\d+)\.parcel")
_STALE = 600  # seconds after which a temporary file has no writer any more
_TOLD = ".told"
_LOOK_AGAIN = 30  # seconds after which other runs may have added much
_numbers = itertools.count()


class Spool:
    """The folder of one endpoint. ``root`` is ``state/telemetry``, whose files together have at most ``limit`` bytes.

    Methods but `add` raise OSError where the file system does, and nothing else.
    """

    def __init__(self, root: Path, signal: str, identity: str, *, limit: int = LIMIT) -> None:
        self._root, self._identity, self._limit = root, identity, limit
        self._folder = root / signal / identity
        self._lock: int | None = None
        self._looked, self._total = float("-inf"), 0  # when all files were looked at, and their bytes since then

    @property
    def folder(self) -> Path:
        return self._folder

    def add(self, parcels: Sequence[Parcel]) -> tuple[int, OSError | None]:
        """Keep them. The number of items that are lost, of these or of older ones, and the fault if it was one.

        To make room the oldest files go first, whatever endpoint they are for.
        """
        written = [(parcel.items, _written(parcel, self._identity)) for parcel in parcels]
        lost, fault = 0, None
        while written and sum(len(data) for _, data in written) > self._limit:
            lost += written.pop(0)[0]
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            lost += self._make_room(sum(len(data) for _, data in written))
        except OSError as found:
            fault = found
        for items, data in written:
            try:
                self._write(items, data)
            except OSError as found:
                lost, fault = lost + items, found
        return lost, fault

    def _write(self, items: int, data: bytes) -> None:
        name = f"{time.time_ns():020d}-{os.getpid()}-{next(_numbers) % 1_000_000:06d}-{items}.parcel"
        temporary = self._folder / f".{name}"
        try:
            temporary.write_bytes(data)
            temporary.rename(self._folder / name)
        except OSError:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise

    def claim(self) -> bool:
        """Whether this process is the one that sends from here; it stays so until `release`."""
        import fcntl

        if self._lock is not None:
            return True
        if not self._folder.is_dir():
            return False
        descriptor = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o660)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return False
        self._lock = descriptor
        self._sweep()
        return True

    def release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def names(self) -> list[str]:
        """The files that wait here, the oldest first."""
        try:
            return sorted(name for name in os.listdir(self._folder) if _NAME.fullmatch(name))
        except FileNotFoundError:
            return []

    def waiting(self) -> int:
        """How many items wait here."""
        return sum(_items(name) for name in self.names())

    def read(self, name: str) -> Parcel | None:
        """None: it is gone, or it is damaged and was set aside (`damaged` counts those)."""
        try:
            data = (self._folder / name).read_bytes()
        except FileNotFoundError:
            return None
        head, _, body = data.partition(b"\n")
        try:
            told = json.loads(head)
            if told["endpoint"] == self._identity and told["sha256"] == hashlib.sha256(body).hexdigest():
                return Parcel(path=str(told["path"]), body=body, items=int(told["items"]))
        except (ValueError, KeyError, TypeError):
            pass
        (self._folder / name).rename(self._folder / f"{name}.damaged")
        return None

    def remove(self, name: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            (self._folder / name).unlink()

    def damaged(self) -> int:
        """How many files were set aside here."""
        try:
            return sum(name.endswith(".damaged") for name in os.listdir(self._folder))
        except FileNotFoundError:
            return 0

    def _make_room(self, wanted: int) -> int:
        """The items that went. All files are looked at only where it is needed: there may be many thousands."""
        now = time.monotonic()
        if now - self._looked < _LOOK_AGAIN and self._total + wanted <= self._limit:
            self._total += wanted
            return 0
        files = sorted(_sizes(self._root), key=lambda each: each[0].name)
        total, gone = sum(size for _, size in files), 0
        enough = self._limit if total + wanted <= self._limit else self._limit * 9 // 10  # not each time one file
        for path, size in files:
            if total + wanted <= enough:
                break
            try:
                path.unlink()
                gone += _items(path.name)
            except FileNotFoundError:
                pass
            except OSError:  # what cannot be removed keeps its room
                continue
            total -= size
        self._looked, self._total = now, total + wanted
        return gone

    def _sweep(self) -> None:
        """Remove what a killed writer left half done."""
        before = time.time() - _STALE
        for entry in os.scandir(self._folder):
            with contextlib.suppress(FileNotFoundError):
                if entry.name.startswith(".") and entry.stat().st_mtime < before:
                    Path(entry.path).unlink()


def stranded(root: Path, known: Collection[Path]) -> Iterator[str]:
    """A line for each folder that holds something and is none of the ``known``, the first time only: floe.yaml names
    its endpoint no more, and what is kept for one endpoint is never sent to another. Nothing is raised.
    """
    try:
        folders = [each for each in sorted(root.glob("*/*")) if each not in known]
        for folder in folders:
            items = sum(_items(name) for name in os.listdir(folder))
            if items and not (folder / _TOLD).exists():
                (folder / _TOLD).touch()
                yield f"{items} kept for an endpoint that floe.yaml names no more: to drop them remove {folder}"
    except OSError:
        return


def _sizes(root: Path) -> Iterator[tuple[Path, int]]:
    for path in root.glob("*/*/*.parcel*"):
        with contextlib.suppress(FileNotFoundError):
            found = path.lstat()
            if stat.S_ISREG(found.st_mode):
                yield path, found.st_size


def _items(name: str) -> int:
    found = _NAME.match(name)
    return int(found[1]) if found else 0


def _written(parcel: Parcel, identity: str) -> bytes:
    head = {
        "endpoint": identity,
        "path": parcel.path,
        "items": parcel.items,
        "sha256": hashlib.sha256(parcel.body).hexdigest(),
    }
    return json.dumps(head, separators=(",", ":")).encode() + b"\n" + parcel.body
