"""`floe build` behind a private mirror and with no network at all: the digest that it has outside."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

from tests.offline.conftest import Built, Locked
from tests.offline.test_private_lock import HOST, PASSWORD, USER, guarded, secrets_in
from tests.support.mirror_floe import (
    assert_refused,
    contents,
    copy_cache,
    guarded_mirrors,
    index_digest,
    keep_only,
    whole,
)
from tests.support.mirror_tiny import floe
from tests.support.mirror_tls import AUTHORITY_NAME, Tls, make_tls
from tests.support.netns import island, run_without_network

pytestmark = pytest.mark.network


def private_in(layout: Path, tls: Tls) -> list[tuple[str, list[bytes]]]:
    """The blobs of a layout, uncompressed, in which host, password or authority occur, and what does."""
    pem = tls.authority.read_bytes().splitlines()[2]
    private = re.compile(b"|".join(map(re.escape, (HOST.encode(), PASSWORD.encode(), AUTHORITY_NAME.encode(), pem))))
    return [(name, private.findall(body)) for name, body in contents(layout) if private.search(body)]


def test_lock_and_build_on_an_island(built: Built, locked: Locked, tmp_path: Path) -> None:
    """With an empty cache, from a mirror with its own CA and credentials: the same digest, and no trace of either."""
    tls = make_tls(tmp_path / "tls", HOST)
    mirror = guarded(locked, tls)
    with island(HOST) as land, mirror.serving(land.listen()):
        project = built.ground.project("island", mirrors=guarded_mirrors(mirror, "corp-ca.pem"))
        (project / "corp-ca.pem").write_bytes(tls.authority.read_bytes())
        env = built.ground.environment("island", MIRROR_PASSWORD=PASSWORD)
        done = land.run(floe("-v", "build"), cwd=project, env=env)
        assert done.returncode == 0, done.stderr
    layout = project / ".floe/image"
    assert (project / "floe.lock").read_bytes() == built.lock
    assert index_digest(layout) == built.digest
    assert (land.packets, land.questions) == ([], [])
    assert {asked.user for asked in mirror.asked if asked.status == 200} == {USER}
    assert secrets_in((project / "floe.lock").read_text() + done.stdout + done.stderr, tls) == []
    assert private_in(layout, tls) == []
    assert list((Path(env["FLOE_CACHE_DIR"]) / "tmp").iterdir()) == []  # where the certificates lay


def test_a_planted_secret_is_found(tmp_path: Path) -> None:
    """The control: a layer that has the host's name, compressed and far behind."""
    tls = make_tls(tmp_path / "tls", HOST)
    blobs = tmp_path / "layout/blobs/sha256"
    blobs.mkdir(parents=True)
    (blobs / "layer").write_bytes(gzip.compress(bytes((1 << 20) - 5) + HOST.encode() + bytes(9)))
    (blobs / "other").write_bytes(b"{}")
    assert private_in(blobs.parents[1], tls) == [("layer", [HOST.encode()])]


def test_frozen_needs_no_network(built: Built) -> None:
    project = built.ground.project("frozen", lock=built.lock)
    env = built.ground.environment("frozen")
    copy_cache(built.cache, Path(env["FLOE_CACHE_DIR"]), "downloads")
    done = run_without_network(floe("build", "--frozen"), cwd=project, env=env)
    assert done.returncode == 0, done.stderr
    assert index_digest(project / ".floe/image") == built.digest
    assert whole(project / ".floe/image") == []


def test_frozen_with_nothing_in_the_cache_says_what_is_missing(built: Built) -> None:
    project = built.ground.project("frozen-empty", lock=built.lock)
    env = built.ground.environment("frozen-empty")
    cache = copy_cache(built.cache, Path(env["FLOE_CACHE_DIR"]), "downloads")
    gone = sorted((cache / "downloads").iterdir())[:2]
    for path in gone:
        path.unlink()
    done = run_without_network(floe("build", "--frozen"), cwd=project, env=env)
    assert_refused(done, 14)
    names = [name for name in re.findall(r'name = "([^"]+)"', built.lock.decode()) if name in done.stderr]
    assert names, done.stderr
    assert not (project / ".floe").exists() or not list((project / ".floe").rglob("*"))


def test_folders_serve_as_well_as_an_index(built: Built) -> None:
    """`--find-links FOLDER` holds every locked file under its own name: no cache and no network are needed."""
    project = built.ground.project("folders", lock=built.lock)
    env = built.ground.environment("folders")
    keep_only(Path(env["FLOE_CACHE_DIR"]))
    folder = project / "files"
    folder.mkdir()
    rows = re.findall(
        r'(?:name|pool) = "(?:[^"]*/)?([^"/]+\.(?:whl|deb))", size = \d+, sha256 = "(\w+)"', built.lock.decode()
    )
    for name, sha256 in rows:
        (folder / name).write_bytes((built.cache / "downloads" / sha256).read_bytes())
    done = run_without_network(floe("build", "--frozen", "--find-links", "files"), cwd=project, env=env)
    assert done.returncode == 0, done.stderr
    assert index_digest(project / ".floe/image") == built.digest
