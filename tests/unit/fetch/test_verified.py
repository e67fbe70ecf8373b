"""A cached download is hashed once in a process, and again when it has changed; a damaged one is removed."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from floe_images.engine.fetch.http import Http
from floe_images.engine.resolve.obtain import obtain
from floe_images.engine.store import Store
from floe_images.engine.verified import verified
from floe_images.errors import DiskError, WrongHashError
from tests.support.mirror import Mirror


def test_it_is_hashed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"good")
    sha256 = hashlib.sha256(b"good").hexdigest()
    opened: list[object] = []
    monkeypatch.setattr("builtins.open", lambda *given, _open=open: opened.append(given[0]) or _open(*given))
    assert [verified(path, sha256, "a.whl") for _ in range(3)] == [path] * 3
    assert opened == [path]


def test_a_change_after_it_was_hashed_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"good")
    sha256 = hashlib.sha256(b"good").hexdigest()
    verified(path, sha256, "a.whl")
    path.write_bytes(b"evil")
    os.utime(path, (1, 1))
    with pytest.raises(WrongHashError, match=r"^a\.whl: damaged in the cache; it was removed$"):
        verified(path, sha256, "a.whl")
    assert not path.exists()
    with pytest.raises(DiskError):
        verified(path, sha256, "a.whl")


def test_resolving_gets_a_damaged_file_anew(store: Store, mirror: Mirror, http: Http, tmp_path: Path) -> None:
    source = next((tmp_path / "index").glob("beta*"))
    sha256 = hashlib.sha256(source.read_bytes()).hexdigest()
    path = store.path("downloads", sha256)
    path.parent.mkdir(parents=True)
    path.write_bytes(bytes(source.stat().st_size))
    url = mirror.url(f"/files/beta/{sha256}/{source.name}")
    assert obtain(url, source.stat().st_size, sha256, http=http, store=store) == path
    assert path.read_bytes() == source.read_bytes()
