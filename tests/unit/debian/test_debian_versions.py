"""The order of Debian's version numbers, beside dpkg's own where there is one."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from floe_images.engine.resolve.debian_versions import satisfies, version_key

# Each is smaller than the next; several on a line are equal.
ASCENDING = [
    ["1.0~~"],
    ["1.0~~a"],
    ["1.0~"],
    ["1.0~rc1-1"],
    ["1.0-0~bpo1"],
    ["1.0", "1.0-0", "0:1.0", "1.00"],
    ["1.0-1~deb12u1"],
    ["1.0-1", "1.0-01"],
    ["1.0-1+b1"],
    ["1.0-1+deb12u2"],
    ["1.0-1+deb12u10"],
    ["1.0a"],
    ["1.0+dfsg"],
    ["1.0.0"],
    ["1.10"],
    ["2"],
    ["1:0.1"],
]
VERSIONS = st.from_regex(r"([0-9]{1,2}:)?[0-9][A-Za-z0-9.+~]{0,6}(-[A-Za-z0-9.+~]{1,4})?", fullmatch=True)


def test_the_order_of_a_known_list() -> None:
    for place, group in enumerate(ASCENDING):
        assert len({version_key(version) for version in group}) == 1, group
        for later in ASCENDING[place + 1 :]:
            assert all(version_key(small) < version_key(large) for small in group for large in later), (group, later)


@pytest.mark.parametrize(
    ("version", "operator", "wanted", "expected"),
    [
        ("3.0.11-1~deb12u2", ">=", "3.0.0", True),
        ("3.0.11-1~deb12u2", ">=", "3.0.11-1", False),
        ("1:1.2.13.dfsg-1", ">=", "1:1.2.0", True),
        ("1:1.2.13.dfsg-1", "<<", "2", False),
        ("2.36-9", ">>", "2.36", True),
        ("2.36-9", "<<", "2.37", True),
        ("2.36-9", "=", "2.36-9", True),
        ("2.36-9", "=", "2.36-9+deb12u1", False),
        ("2.36-9", "<=", "2.36-9", True),
        ("1", "", "", True),
    ],
)
def test_relations(version: str, operator: str, wanted: str, expected: bool) -> None:
    assert satisfies(version, operator, wanted) is expected


@given(VERSIONS, VERSIONS)
def test_exactly_one_relation_holds(a: str, b: str) -> None:
    assert [satisfies(a, operator, b) for operator in ("<<", "=", ">>")].count(True) == 1
    assert satisfies(a, "<=", b) is not satisfies(a, ">>", b)
    assert satisfies(a, ">=", b) is satisfies(b, "<=", a)


@pytest.mark.skipif(shutil.which("dpkg") is None, reason="no dpkg on this machine to compare with")
@settings(max_examples=150, deadline=None)
@given(VERSIONS, VERSIONS)
def test_it_is_dpkgs_order(a: str, b: str) -> None:
    for operator in ("lt", "eq"):
        asked = subprocess.run(["dpkg", "--compare-versions", a, operator, b], check=False).returncode == 0
        ours = version_key(a) < version_key(b) if operator == "lt" else version_key(a) == version_key(b)
        assert ours is asked, (a, operator, b)
