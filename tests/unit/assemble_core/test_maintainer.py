from __future__ import annotations

import sys
from importlib import resources

import pytest

from floe_images.engine.assemble import maintainer
from floe_images.engine.assemble.maintainer import COUNTING, check_scripts, reviewed, script_digest
from floe_images.errors import MaintainerScriptError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SCRIPT = b"#!/bin/sh\necho configured\n"


def test_version_and_architecture_do_not_matter() -> None:
    amd64 = b'dpkg -L libpython3.11:amd64; [ "$ver" != "2.36-9+deb12u1" ]; ls /lib/x86_64-linux-gnu'
    arm64 = b'dpkg -L libpython3.11:arm64; [ "$ver" != "2.36-9+deb12u14" ]; ls /lib/aarch64-linux-gnu'
    assert script_digest(amd64, version="2.36-9+deb12u1") == script_digest(arm64, version="2.36-9+deb12u14")
    assert script_digest(amd64, version="2.36-9+deb12u1") != script_digest(amd64 + b" ", version="2.36-9+deb12u1")


def test_a_reviewed_script_passes_and_any_change_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    table = {("sample", "postinst"): frozenset({"0" * 64, script_digest(SCRIPT, version="1.0")})}
    monkeypatch.setattr(maintainer, "reviewed", lambda: table)
    check_scripts("sample", "1.1", {"postinst": SCRIPT})
    with pytest.raises(MaintainerScriptError, match=r"^sample 1\.1: its postinst has changed since it was reviewed$"):
        check_scripts("sample", "1.1", {"postinst": SCRIPT + b"reboot\n"})
    with pytest.raises(MaintainerScriptError, match="its preinst was never reviewed"):
        check_scripts("sample", "1.1", {"preinst": SCRIPT, "postinst": SCRIPT})
    with pytest.raises(MaintainerScriptError, match="its postinst was never reviewed"):
        check_scripts("another", "1.1", {"postinst": SCRIPT})


def test_the_table_is_complete_and_sorted() -> None:
    rows = tomllib.loads(resources.files("floe_images").joinpath("data/maintainer-scripts.toml").read_text())["script"]
    keys = [(row["package"], COUNTING.index(row["script"])) for row in rows]
    assert keys == sorted(set(keys))
    assert len(reviewed()) == len(rows)
    for row in rows:
        assert row.keys() == {"package", "script", "sha256", "instead"}
        assert all(len(digest) == 64 for digest in row["sha256"])
        assert len(row["instead"]) > 10
