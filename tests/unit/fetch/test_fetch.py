"""Locked files by hash: cache, folders, index; what is missing is named; what failed is told."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import pytest

from floe_images.engine.fetch.fetch import Sources, fetch
from floe_images.engine.fetch.http import Http
from floe_images.engine.fetch.indexes import IndexSettings
from floe_images.engine.fetch.request import FileRequest
from floe_images.engine.fetch.simple import PythonIndex, folder_files
from floe_images.engine.store import Store
from floe_images.errors import (
    MirrorContentError,
    MirrorRefusedError,
    MirrorUnreachableError,
    NotCachedError,
    PackageGoneError,
    TruncatedDownloadError,
    WrongHashError,
)
from floe_images.lock.model import LockedFile
from floe_images.progress import Silent
from tests.support.mirror import Mirror


class Notes(Silent):
    def __init__(self) -> None:
        self.notes: list[str] = []
        self.details: list[str] = []
        self.done = 0

    def advance(self, name: str, amount: int) -> None:
        self.done += amount

    def note(self, text: str) -> None:
        self.notes.append(text)

    def detail(self, text: str) -> None:
        self.details.append(text)


def sources(http: Http, mirror: Mirror) -> Sources:
    return Sources(http=http, python=PythonIndex(http, IndexSettings(index=mirror.url("simple"))))


def requests_of(mirror: Mirror) -> list[FileRequest]:
    found = []
    for path in sorted(mirror.folders[0].glob("*.whl")):
        body = path.read_bytes()
        file = LockedFile(name=path.name, size=len(body), sha256=hashlib.sha256(body).hexdigest())
        found.append(FileRequest(file=file, project=path.name.partition("-")[0]))
    return found


@pytest.mark.parametrize("hashes", [True, False])
def test_from_the_index_then_from_the_cache(hashes: bool, http: Http, mirror: Mirror, store: Store) -> None:
    mirror.hashes = hashes
    notes = Notes()
    found = fetch(requests_of(mirror), sources=sources(http, mirror), store=store, progress=notes)
    assert {path.read_bytes() for path in found.values()} == {p.read_bytes() for p in mirror.folders[0].iterdir()}
    assert notes.done == sum(request.file.size for request in requests_of(mirror))
    before = len(mirror.asked)
    again = fetch(requests_of(mirror), sources=sources(http, mirror), store=store, progress=notes, frozen=True)
    assert again == found
    assert len(mirror.asked) == before
    assert list((store.root / "tmp").iterdir()) == []


def test_frozen_names_everything_that_is_missing(http: Http, mirror: Mirror, store: Store) -> None:
    with pytest.raises(NotCachedError) as caught:
        fetch(requests_of(mirror), sources=sources(http, mirror), store=store, progress=Silent(), frozen=True)
    assert "alpha-1.0-py3-none-any.whl, beta-1.0-py3-none-any.whl" in caught.value.message
    assert mirror.asked == []


def test_frozen_names_five_of_many_and_all_when_asked(http: Http, mirror: Mirror, store: Store) -> None:
    notes = Notes()
    wanted = [
        FileRequest(file=LockedFile(name=f"p{number}.whl", size=1, sha256=f"{number:064x}"), project="p")
        for number in range(7)
    ]
    with pytest.raises(NotCachedError) as caught:
        fetch(wanted, sources=sources(http, mirror), store=store, progress=notes, frozen=True)
    assert caught.value.message == (
        "7 locked files are neither in the cache nor in a given folder: p0.whl, p1.whl, p2.whl, p3.whl, p4.whl "
        "and 2 more (all with `floe -v`)"
    )
    assert notes.details == [f"not in the cache: p{number}.whl" for number in range(7)]


def test_a_folder_serves_as_well(http: Http, mirror: Mirror, store: Store, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.mkdir()
    for path in mirror.folders[0].iterdir():  # the name and the size are right, a byte is not
        body = path.read_bytes()
        (wrong / path.name).write_bytes(b"X" + body[1:])
    with pytest.raises(NotCachedError):
        fetch(
            requests_of(mirror),
            sources=sources(http, mirror),
            store=store,
            progress=Silent(),
            frozen=True,
            folders=[wrong],
        )
    found = fetch(
        requests_of(mirror),
        sources=sources(http, mirror),
        store=store,
        progress=Silent(),
        frozen=True,
        folders=[wrong, mirror.folders[0]],
    )
    assert len(found) == 2
    assert mirror.asked == []


def test_a_cut_off_file_in_the_cache_is_fetched_again(http: Http, mirror: Mirror, store: Store) -> None:
    (request, _) = requests_of(mirror)
    path = store.path("downloads", request.file.sha256)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"half")
    fetch([request], sources=sources(http, mirror), store=store, progress=Silent())
    assert path.stat().st_size == request.file.size


@pytest.mark.parametrize(
    ("pattern", "kind", "error"),
    [
        ("files/alpha", "wrong", WrongHashError),
        ("files/alpha", "truncate", TruncatedDownloadError),
        ("files/alpha", "404", PackageGoneError),
        ("simple/alpha", "404", PackageGoneError),
        ("simple/alpha", "403", MirrorRefusedError),
        ("simple/alpha", "500", MirrorUnreachableError),
    ],
)
def test_one_failure_leaves_nothing_half_written(
    pattern: str, kind: str, error: type[Exception], http: Http, mirror: Mirror, store: Store
) -> None:
    mirror.fault(pattern, kind)
    with pytest.raises(error):
        fetch(requests_of(mirror), sources=sources(http, mirror), store=store, progress=Silent())
    alpha, _ = requests_of(mirror)
    assert store.find("downloads", alpha.file.sha256) is None
    mirror.faults.clear()
    assert len(fetch(requests_of(mirror), sources=sources(http, mirror), store=store, progress=Silent())) == 2


def test_all_failures_are_told(http: Http, mirror: Mirror, store: Store) -> None:
    mirror.fault("files/", "404")
    notes = Notes()
    with pytest.raises(PackageGoneError) as caught:
        fetch(requests_of(mirror), sources=sources(http, mirror), store=store, progress=notes)
    told = [str(caught.value), *notes.notes]
    assert sorted(text.partition(":")[0] for text in told) == ["alpha", "beta"]
    assert caught.value.hint is not None
    assert "floe lock --upgrade" in caught.value.hint


def test_what_a_killed_run_left_is_used(http: Http, mirror: Mirror, store: Store) -> None:
    request, _ = requests_of(mirror)
    body = (mirror.folders[0] / request.file.name).read_bytes()
    left = store.temporary(f"partial-{request.file.sha256}")
    left.write_bytes(body[:600_000])
    old = time.time() - 3600
    import os

    os.utime(left, (old, old))
    sent: list[int] = []
    mirror.fault("files/", change=lambda data: sent.append(len(data)) or data)  # type: ignore[func-returns-value]
    (path,) = fetch([request], sources=sources(http, mirror), store=store, progress=Silent()).values()
    assert path.read_bytes() == body
    assert list((store.root / "tmp").iterdir()) == []


def test_an_index_that_answers_something_else(http: Http, mirror: Mirror) -> None:
    index = sources(http, mirror).python
    mirror.fault("simple/alpha", change=lambda _: b"[1, 2")
    with pytest.raises(MirrorContentError, match="no page of a package index"):
        index.files("alpha")


def test_html_and_json_say_the_same(http: Http, mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    import pypi_simple

    by_json = sources(http, mirror).python.files("alpha")
    monkeypatch.setattr(pypi_simple, "ACCEPT_JSON_PREFERRED", "text/html")
    by_html = sources(http, mirror).python.files("alpha")
    (one,), (other,) = by_json, by_html
    assert (one.name, one.url, one.sha256) == (other.name, other.url, other.sha256)
    assert one.size == (mirror.folders[0] / one.name).stat().st_size


def test_files_of_folders_by_project(mirror: Mirror) -> None:
    (mirror.folders[0] / "Alpha_Beta-1.0.tar.gz").write_bytes(b"x")
    (mirror.folders[0] / "alphabet-1.0.tar.gz").write_bytes(b"x")
    names = [file.name for file in folder_files("alpha-beta", mirror.folders)]
    assert names == ["Alpha_Beta-1.0.tar.gz"]
