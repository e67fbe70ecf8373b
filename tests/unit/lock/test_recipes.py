"""The recipes that are shipped, and the locks beside them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from floe_images.image.platform import Platform
from floe_images.lock.base_recipe import base_recipe
from floe_images.lock.recipe import read_recipe, recipe, recipe_names, shipped_lock

FOLDER = Path(__file__).parents[3] / "floe_images" / "data" / "recipes"
BOTH = [Platform("linux", "amd64"), Platform("linux", "arm64")]
NAMES = pytest.mark.parametrize("name", recipe_names())

SMALL = """
title = "Small"
program = "small"
[[debian]]
package = "small"
reason = "it"
[[omit]]
package = "large"
from = ["small"]
reason = "size"
[image]
entrypoint = ["/usr/bin/small"]
healthcheck = ["/usr/bin/small", "--ask"]
working_dir = "/var/lib/small"
volumes = ["/var/lib/small"]
tmpfs = ["/tmp"]
ports = [99]
stop_signal = "SIGINT"
memory = "1MiB"
[image.env]
B = "2"
A = "1"
[[image.file]]
path = "/var/lib/small/"
mode = 0o775
reason = "data"
[[image.file]]
path = "/etc/small.conf"
reason = "settings"
text = '''
on = yes
'''
[init]
entrypoint = ["/bin/sh", "/init"]
memory = "2MiB"
[[init.debian]]
package = "busybox-static"
reason = "shell"
[[init.link]]
path = "/usr/bin/{sh,mv}"
target = "busybox"
"""


def test_a_recipe_is_read_into_values() -> None:
    found = read_recipe("small", SMALL)
    assert found.roots == ("small", "busybox-static")
    assert found.image.env == (("A", "1"), ("B", "2"))
    assert [(file.path, file.mode, file.folder, file.text) for file in found.image.files] == [
        ("/etc/small.conf", 0o644, False, "on = yes\n"),
        ("/var/lib/small", 0o775, True, ""),
    ]
    assert found.init is not None
    assert [(file.path, file.link) for file in found.init.files] == [
        ("/usr/bin/mv", "busybox"),
        ("/usr/bin/sh", "busybox"),
    ]
    assert (found.init.volumes, found.init.env, found.init.ports) == (("/var/lib/small",), found.image.env, ())
    assert (found.image.memory, found.init.memory) == (1 << 20, 2 << 20)


@pytest.mark.parametrize(
    ("old", "new", "other"),
    [
        ('from = ["small"]', 'from = ["*"]', True),
        ('package = "busybox-static"', 'package = "dash"', True),
        ('program = "small"', 'program = "other"', True),
        ("on = yes", "on = no", False),
        ('memory = "1MiB"', 'memory = "9MiB"', False),
        ('reason = "size"', 'reason = "it is large"', False),
    ],
)
def test_what_makes_a_lock_of_a_recipe_stale(old: str, new: str, other: bool) -> None:
    assert SMALL.count(old) == 1
    changed = read_recipe("small", SMALL.replace(old, new)).inputs != read_recipe("small", SMALL).inputs
    assert changed is other


@NAMES
def test_the_shipped_lock_is_of_the_recipe_as_it_is(name: str) -> None:
    locked = shipped_lock(name)
    assert (locked.recipe, locked.inputs) == (name, recipe(name).inputs), "python scripts/make_recipe_locks.py"
    assert [platform for platform, _ in locked.debian] == BOTH
    names = [[deb.name for deb in debs] for _, debs in locked.debian]
    assert names[0] == names[1]
    assert set(recipe(name).roots) <= set(names[0])
    for wheel in locked.wheels:
        assert [platform for platform, _ in wheel.files] == BOTH


@NAMES
def test_the_shipped_lock_names_no_host(name: str) -> None:
    text = (FOLDER / f"{name}.lock").read_text()
    assert re.findall(r"://|https?:|\bwww\.|\.(?:org|io|com|net|example)\b", text) == []


@NAMES
def test_what_serves_has_no_shell_and_no_package_manager(name: str) -> None:
    found = recipe(name)
    forbidden = {package for package, _ in base_recipe().forbidden} | {"coreutils", "python3.11", "perl-base"}
    own = set(found.init.packages) if found.init else set()
    for _, debs in shipped_lock(name).debian:
        assert not ({deb.name for deb in debs} - own) & forbidden
    assert not [file.path for file in found.image.files if file.link or (file.mode & 0o111 and not file.folder)]


@NAMES
def test_everything_in_a_recipe_has_a_reason(name: str) -> None:
    text = (FOLDER / f"{name}.toml").read_text()
    tables = re.findall(
        r"^\[\[(debian|python|omit|image\.file|init\.debian|init\.file)\]\]\n((?:[^\[\n].*\n)*)", text, re.M
    )
    assert len(tables) >= 5
    assert [body for _, body in tables if "reason = " not in body] == []
