"""What a mirror can do to `floe lock`: one clear line each, an exit code of its own, and no lock that was not there."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from floe_images.lock.codec import read_lock, write_lock
from tests.offline.conftest import Locked
from tests.support.mirror import Mirror
from tests.support.mirror_floe import assert_refused, must, plain_mirrors, run_floe

pytestmark = pytest.mark.network

LONG = pytest.mark.acceptance
INRELEASE = r"dists/bookworm/InRelease$"
PACKAGES = r"debian/dists/.*(Packages|by-hash)"


def tampered(body: bytes) -> bytes:
    """Another hash under an old signature."""
    return re.sub(rb"(?m)^ [0-9a-f]{64} ", b" " + b"0" * 64 + b" ", body)


def unsigned(body: bytes) -> bytes:
    return body.split(b"-----BEGIN PGP SIGNATURE")[0].split(b"\n\n", 1)[1]


def unsigned_above(body: bytes) -> bytes:
    """Something of an attacker's before the signed text, which is untouched."""
    return b"Origin: Debian\nSuite: evil\n\n" + body


def a_page(body: bytes) -> bytes:
    return b"<html><body>Please log in to the wireless network</body></html>"


CASES: dict[str, tuple[str, str, Callable[[bytes], bytes] | None, set[int]]] = {
    "tampered InRelease": (INRELEASE, "", tampered, {23}),
    "unsigned InRelease": (INRELEASE, "", unsigned, {23}),
    "a login page instead of InRelease": (INRELEASE, "", a_page, {23, 26}),
    "InRelease absent": (INRELEASE, "404", None, {26}),
    "package index altered": (PACKAGES, "wrong", None, {21}),
    "package index cut off": (PACKAGES, "truncate", None, {22}),
    "credentials asked for": (r"simple/", "401", None, {25}),
    "forbidden": (r"debian/dists", "403", None, {25}),
    "index broken": (r"simple/", "500", None, {13, 20}),
    "Debian broken": (r"debian/dists", "500", None, {20}),
    "Debian hangs up": (r"debian/dists", "hang-up", None, {20}),
}


QUICK = ("tampered InRelease", "package index cut off", "credentials asked for", "Debian hangs up")


@pytest.mark.parametrize("case", [pytest.param(case, marks=[] if case in QUICK else LONG) for case in CASES])
def test_a_faulty_mirror(case: str, locked: Locked) -> None:
    pattern, kind, change, codes = CASES[case]
    mirror = Mirror(content=locked.ground.mirror.content, folders=(locked.ground.index,))
    fault = mirror.fault(pattern, kind, change=change)
    name = case.replace(" ", "-")
    with mirror.serving():
        project = locked.ground.project(name, mirrors=plain_mirrors(mirror))
        run = run_floe(project, locked.ground.environment(name), "lock")
        assert fault.hits > 0, "the fault was never met"
        assert run.code in codes, f"{run.code}\n{run.stderr}"
        assert_refused(run, run.code)
        assert sorted(path.name for path in project.iterdir()) == ["floe.yaml", "transform"]
        if case == "package index cut off":  # what it left does not stand in the way
            mirror.faults.clear()
            must(run_floe(project, locked.ground.environment(name), "lock"))
            assert (project / "floe.lock").read_bytes() == locked.lock


@LONG
def test_text_outside_of_the_signature_is_not_believed(locked: Locked) -> None:
    mirror = Mirror(content=locked.ground.mirror.content, folders=(locked.ground.index,))
    mirror.fault(INRELEASE, change=unsigned_above)
    with mirror.serving():
        project = locked.ground.project("above", mirrors=plain_mirrors(mirror))
        run = run_floe(project, locked.ground.environment("above"), "lock")
    if run.code:
        assert_refused(run, 23)
    else:
        assert (project / "floe.lock").read_bytes() == locked.lock


def test_nobody_listens(locked: Locked) -> None:
    with Mirror().serving() as gone:
        mirrors = plain_mirrors(gone)
    project = locked.ground.project("gone", mirrors=mirrors)
    run = run_floe(project, locked.ground.environment("gone"), "lock")
    assert run.code in (13, 20)
    assert_refused(run, run.code)


def test_an_index_older_than_the_locks_is_refused(locked: Locked) -> None:
    """A mirror that answers with an old state, validly signed, must not take updates back."""
    lock = read_lock(locked.lock, "floe.lock")
    later = tuple((suite, date + 86400) for suite, date in lock.snapshot.dates)
    newer = replace(lock, snapshot=replace(lock.snapshot, dates=later, time=lock.snapshot.time + 86400))
    project = locked.ground.project("older", lock=write_lock(newer))
    run = run_floe(project, locked.ground.environment("older"), "lock", "--upgrade")
    assert_refused(run, 24)
    assert (project / "floe.lock").read_bytes() == write_lock(newer)
