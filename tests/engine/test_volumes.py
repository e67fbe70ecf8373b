"""Volumes' content out of a real engine and back, on either store: owners, modes, links, and what breaks off."""

from __future__ import annotations

import io
import tarfile
import time
from collections.abc import Iterator

import pytest

from floe_images.engine.docker.volumes import carriers, make_compose_volume, volumes
from floe_images.errors import FloeError, UsageError
from floe_images.site.volume_tar import read_content
from tests.support.engine import TestEngine

FIRST, SECOND = "floe-volumes-test-first", "floe-volumes-test-second"


def content() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, kind, data, link, mode in (
            ("volume", tarfile.DIRTYPE, b"", "", 0o2775),
            ("volume/" + "long" * 40, tarfile.REGTYPE, bytes(30_000_000), "", 0o640),
            # The engine writes a file under the first of its names.
            ("volume/other", tarfile.LNKTYPE, b"", "volume/" + "long" * 40, 0o640),
            ("volume/soft", tarfile.SYMTYPE, b"", "/nowhere", 0o777),
        ):
            entry = tarfile.TarInfo(name)
            entry.type, entry.size, entry.linkname, entry.mode = kind, len(data), link, mode
            entry.uid, entry.gid, entry.mtime = 10001, 7, 1_500_000_000
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def chunks(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), 100_000):
        yield data[start : start + 100_000]


@pytest.fixture
def pair(engine: TestEngine) -> Iterator[TestEngine]:
    for name in (FIRST, SECOND):
        make_compose_volume(engine.api, name, project="volumes-test", key=name)
    try:
        yield engine
    finally:
        for name in (FIRST, SECOND):
            engine.docker("volume", "rm", "--force", name)


def test_what_is_in_a_volume_goes_out_and_back(pair: TestEngine) -> None:
    engine = pair.api
    given = content()
    wanted = read_content(chunks(given), lambda _: None, where="given")
    assert {each.project for each in volumes(engine) if each.name in (FIRST, SECOND)} == {"volumes-test"}
    with carriers(engine) as carried:
        carried.fill(FIRST, chunks(given))
        out = bytearray()
        with carried.content(FIRST) as found:
            first = read_content(found, out.extend, where=FIRST)
        carried.fill(SECOND, chunks(bytes(out)))
        with carried.content(SECOND) as found:
            second = read_content(found, lambda _: None, where=SECOND)
    assert (first.entries, first.digest) == (wanted.entries, wanted.digest) == (second.entries, second.digest)
    assert pair.docker("ps", "--all", "--quiet", "--filter", f"volume={FIRST}").stdout == ""
    assert "localhost/floe-empty" not in pair.docker("image", "ls").stdout


def test_a_source_that_fails_is_what_is_said(pair: TestEngine) -> None:
    def broken() -> Iterator[bytes]:
        yield content()[:200_000]
        raise UsageError("the source broke off")

    with carriers(pair.api) as carried, pytest.raises(FloeError, match="the source broke off"):
        carried.fill(FIRST, broken())
    assert pair.docker("ps", "--all", "--quiet", "--filter", f"volume={FIRST}").stdout == ""


def test_who_stops_reading_does_not_wait_for_the_engine(pair: TestEngine) -> None:
    with carriers(pair.api) as carried:
        carried.fill(FIRST, chunks(content()))
        begun = time.monotonic()
        with carried.content(FIRST) as found:
            assert next(found)
        assert time.monotonic() - begun < 30
    assert pair.docker("ps", "--all", "--quiet", "--filter", f"volume={FIRST}").stdout == ""
