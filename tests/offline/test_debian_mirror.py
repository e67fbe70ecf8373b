"""The base's closure from the mirror that this machine is set up for."""

from __future__ import annotations

from pathlib import Path

import pytest

from floe_images.engine.fetch.http import Http, HttpSettings
from floe_images.engine.resolve.debian import PLATFORMS, resolve_debian
from floe_images.engine.resolve.debian_locate import package_urls
from floe_images.engine.resolve.debian_mirrors import find_debian_mirrors
from floe_images.engine.store import Store
from floe_images.progress import Silent


@pytest.mark.network
def test_the_configured_mirror_gives_a_base_that_can_be_fetched(tmp_path: Path) -> None:
    mirrors = find_debian_mirrors()
    http = Http(HttpSettings(credentials=mirrors.credentials))
    snapshot, closures = resolve_debian(
        ["unixodbc"],
        debug=True,
        mirrors=mirrors,
        http=http,
        store=Store(tmp_path),
        previous=None,
        progress=Silent(),
    )
    assert [name for name, _ in snapshot.dates] == ["bookworm", "bookworm-security", "bookworm-updates"]
    assert [platform for platform, _ in closures] == list(PLATFORMS)
    amd64, arm64 = ({deb.name: deb for deb in debs} for _, debs in closures)
    assert set(amd64) == set(arm64)
    assert {"python3.11", "libssl3", "tzdata", "unixodbc", "busybox-static"} <= set(amd64)
    assert amd64["python3.11"].version == arm64["python3.11"].version
    media = amd64["media-types"]
    (url, *_) = package_urls(mirrors, archive=media.archive, pool=media.pool, snapshot_time=snapshot.time)
    assert http.download(url, tmp_path / "deb", size=media.file.size, sha256=media.file.sha256) == (
        media.file.size,
        media.file.sha256,
    )
