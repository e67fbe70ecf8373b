"""From mirrors to a snapshot and closures, against an archive in memory that signs with its own key."""

from __future__ import annotations

import lzma
from pathlib import Path

import pytest

from floe_images.engine.resolve.debian import PLATFORMS, Closures, resolve_debian
from floe_images.engine.resolve.debian_mirrors import DebianMirror, DebianMirrors
from floe_images.engine.store import Store
from floe_images.errors import (
    FloeError,
    IndexExpiredError,
    MirrorContentError,
    MirrorUnreachableError,
    ResolveError,
    SignatureError,
    TruncatedDownloadError,
    WrongHashError,
)
from floe_images.lock.base_recipe import base_recipe
from floe_images.lock.model import DebianSnapshot, LockedFile
from floe_images.progress import Silent
from tests.support.debian_archive import NOW, FakeArchive, Signer, packages_text, stanza

MAIN, SECURITY, OTHER = "http://mirror.test/debian", "http://mirror.test/security", "http://other.test/debian"


def _main(architecture: str) -> str:
    roots = [stanza(name, architecture=architecture) for name in (*base_recipe().roots, *base_recipe().debug)]
    return packages_text(*roots, stanza("git", "1:2.39-1", architecture=architecture, source="git-src (1:2.39)"))


def _archive(by_hash: bool = True) -> FakeArchive:
    archive = FakeArchive()
    both = ("amd64", "arm64")
    archive.publish(MAIN, "bookworm", {one: _main(one) for one in both}, date=NOW - 9000, by_hash=by_hash)
    archive.publish(MAIN, "bookworm-updates", dict.fromkeys(both, ""), date=NOW - 700)
    new = {one: stanza("tzdata", "2.0", architecture="all", pool="pool/updates/main") for one in both}
    archive.publish(SECURITY, "bookworm-security", new, date=NOW - 800, valid_until=NOW + 5)
    return archive


def _resolve(
    archive: FakeArchive,
    store: Path,
    *packages: str,
    debug: bool = False,
    previous: DebianSnapshot | None = None,
    mirrors: tuple[str, ...] = (MAIN,),
    now: float = NOW,
) -> tuple[DebianSnapshot, Closures]:
    return resolve_debian(
        packages,
        debug=debug,
        mirrors=DebianMirrors(
            archive=tuple(DebianMirror(url=url, found="a test") for url in mirrors),
            security=(DebianMirror(url=SECURITY, found="a test"),),
        ),
        http=archive,
        store=Store(store),
        previous=previous,
        progress=Silent(),
        clock=lambda: now,
        keys=archive.keys,
    )


def _fails(error: type[FloeError], archive: FakeArchive, store: Path, *packages: str, **options: object) -> FloeError:
    with pytest.raises(error) as caught:
        _resolve(archive, store, *packages, **options)  # type: ignore[arg-type]
    assert type(caught.value) is error
    assert "\n" not in str(caught.value)
    downloads = store / "downloads"
    assert not downloads.exists() or all(len(path.name) == 64 for path in downloads.iterdir())
    return caught.value


def test_both_platforms_with_the_newest_versions(tmp_path: Path) -> None:
    snapshot, closures = _resolve(_archive(), tmp_path, "git")
    assert snapshot == DebianSnapshot(
        suite="bookworm",
        time=NOW - 700,
        dates=(("bookworm", NOW - 9000), ("bookworm-security", NOW - 800), ("bookworm-updates", NOW - 700)),
    )
    assert [platform for platform, _ in closures] == list(PLATFORMS)
    for platform, debs in closures:
        assert [deb.name for deb in debs] == sorted((*base_recipe().roots, "git"))
        by_name = {deb.name: deb for deb in debs}
        assert by_name["tzdata"].version == "2.0"
        assert by_name["tzdata"].archive == "debian-security"
        assert by_name["tzdata"].architecture == "all"
        git = by_name["git"]
        assert (git.version, git.architecture, git.source) == ("1:2.39-1", platform.architecture, "git-src")
        assert git.pool == f"pool/main/g/git/git_2.39-1_{platform.architecture}.deb"
        assert git.file == LockedFile(name=f"git_2.39-1_{platform.architecture}.deb", size=300, sha256=git.file.sha256)


def test_debug_adds_its_roots_and_nothing_else_changes(tmp_path: Path) -> None:
    _, plain = _resolve(_archive(), tmp_path)
    _, debug = _resolve(_archive(), tmp_path, debug=True)
    for (_, without), (_, with_debug) in zip(plain, debug, strict=True):
        assert {deb.name for deb in with_debug} - {deb.name for deb in without} == set(base_recipe().debug)
        assert set(without) < set(with_debug)


def test_indexes_are_cached_by_their_hash(tmp_path: Path) -> None:
    archive = _archive()
    first = _resolve(archive, tmp_path)
    # Four, not six: two of the indexes are the same bytes for both architectures.
    assert sum("by-hash" in url for url in archive.asked) == 4
    archive.asked.clear()
    assert _resolve(archive, tmp_path) == first
    assert [url.rpartition("/")[2] for url in archive.asked] == ["InRelease"] * 3
    # A cached file that a dying disk has changed is fetched again.
    for path in (tmp_path / "downloads").iterdir():
        path.write_bytes(b"rubbish")
    assert _resolve(archive, tmp_path) == first


def test_a_mirror_without_by_hash_folders(tmp_path: Path) -> None:
    assert _resolve(_archive(by_hash=False), tmp_path)[1] == _resolve(_archive(), tmp_path)[1]


def test_an_index_older_than_the_locks_is_refused(tmp_path: Path) -> None:
    archive = _archive()
    snapshot, _ = _resolve(archive, tmp_path)
    assert _resolve(archive, tmp_path, previous=snapshot)[0] == snapshot
    for suite, root in (("bookworm", MAIN), ("bookworm-security", SECURITY)):
        dates = dict(snapshot.dates)
        dates[suite] += 1
        newer = DebianSnapshot(suite="bookworm", time=snapshot.time, dates=tuple(sorted(dates.items())))
        error = _fails(IndexExpiredError, archive, tmp_path, previous=newer)
        assert error.exit_code == 24
        assert error.where == f"{root}/dists/{suite}/InRelease"
        assert "older than the lock's" in error.message


def test_valid_until_is_the_last_second(tmp_path: Path) -> None:
    _resolve(_archive(), tmp_path, now=NOW + 5)
    error = _fails(IndexExpiredError, _archive(), tmp_path, now=NOW + 6)
    assert "the index of bookworm-security was valid until" in error.message


def test_an_index_by_a_stranger_is_refused(tmp_path: Path) -> None:
    archive = _archive()
    archive.publish(MAIN, "bookworm", {}, signer=Signer())
    assert _fails(SignatureError, archive, tmp_path).exit_code == 23


def test_a_tampered_index_is_refused(tmp_path: Path) -> None:
    archive = _archive()
    page = f"{MAIN}/dists/bookworm/InRelease"
    for old, new in ((b"Origin: Debian", b"Origin: Nobody"), (b"Codename: bookworm", b"Codename: bookwurm")):
        whole = archive.pages[page]
        archive.pages[page] = whole.replace(old, new)
        _fails(SignatureError, archive, tmp_path)
        archive.pages[page] = whole


def test_another_suite_with_a_good_signature_is_refused(tmp_path: Path) -> None:
    archive = _archive()
    archive.publish(MAIN, "bookworm", {"amd64": _main("amd64")}, codename="trixie")
    assert "is of 'trixie', not of bookworm" in _fails(MirrorContentError, archive, tmp_path).message


def test_packages_with_another_hash_or_cut_or_no_xz(tmp_path: Path) -> None:
    for change, error in (
        (lambda data: data[:-1] + bytes([data[-1] ^ 1]), WrongHashError),
        (lambda data: data[:-5], TruncatedDownloadError),
    ):
        archive = _archive()
        for url in [url for url in archive.pages if "binary-amd64" in url and url.startswith(MAIN)]:
            archive.pages[url] = change(archive.pages[url])
        _fails(error, archive, tmp_path)
    assert not (tmp_path / "downloads").exists()


def test_packages_that_unpack_to_more_than_promised(tmp_path: Path) -> None:
    archive = _archive()
    real = lzma.compress
    try:
        lzma.compress = lambda data: real(data + b"\n" * 2_000_000)  # type: ignore[assignment]
        archive.publish(MAIN, "bookworm", {"amd64": _main("amd64"), "arm64": _main("arm64")})
    finally:
        lzma.compress = real
    assert "unpacks to something else" in _fails(MirrorContentError, archive, tmp_path).message


def test_a_mirror_without_one_of_the_architectures(tmp_path: Path) -> None:
    archive = _archive()
    archive.publish(MAIN, "bookworm", {"amd64": _main("amd64")})
    assert "no usable main for arm64" in _fails(MirrorContentError, archive, tmp_path).message


def test_sources_of_others_are_passed_over(tmp_path: Path) -> None:
    archive = _archive()
    expected = _resolve(archive, tmp_path)
    archive.publish(OTHER, "bookworm", {"amd64": ""}, origin="Docker", signer=Signer())
    assert _resolve(archive, tmp_path, mirrors=("http://gone.test/debian", OTHER, MAIN)) == expected
    archive.publish(OTHER, "bookworm", {"amd64": ""}, origin="Docker")  # even one with a good signature
    assert _resolve(archive, tmp_path, mirrors=(OTHER, MAIN)) == expected
    error = _fails(MirrorContentError, archive, tmp_path, mirrors=("http://gone.test/debian", OTHER))
    assert "no mirror has Debian's bookworm" in error.message
    assert "image.mirrors.debian" in (error.hint or "")


def test_a_forgery_is_not_passed_over_for_the_next_mirror(tmp_path: Path) -> None:
    archive = _archive()
    archive.publish(OTHER, "bookworm", {"amd64": ""}, signer=Signer())
    _fails(SignatureError, archive, tmp_path, mirrors=(OTHER, MAIN))


def test_a_mirror_that_is_down(tmp_path: Path) -> None:
    archive = _archive()
    archive.down["http://down.test"] = MirrorUnreachableError("nobody answers", where="http://down.test/debian")
    expected = _resolve(_archive(), tmp_path / "other")[1]
    assert _resolve(archive, tmp_path, mirrors=("http://down.test/debian", MAIN))[1] == expected
    error = _fails(MirrorUnreachableError, archive, tmp_path, mirrors=("http://down.test/debian", OTHER))
    assert error.exit_code == 20


def test_one_interpreter_for_both_platforms(tmp_path: Path) -> None:
    archive = _archive()
    new = {"amd64": stanza("python3.11", "1.0+deb12u1"), "arm64": ""}
    archive.publish(SECURITY, "bookworm-security", new)
    error = _fails(ResolveError, archive, tmp_path)
    assert error.message == "python3.11 is 1.0+deb12u1 for linux/amd64 and 1.0 for linux/arm64"


def test_an_unknown_package_of_the_user(tmp_path: Path) -> None:
    error = _fails(ResolveError, _archive(), tmp_path, "gti")
    assert str(error) == "image.debian_packages: no such Debian package: gti"
    assert error.hint == "did you mean git?"
