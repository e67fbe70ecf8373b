"""An image without manifests (`floe build --no-bytecode`): they are made when they are first asked for, and once."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.support.runtime import run_inside
from tests.support.shop import Shop

# What stderr says of the manifest that read_manifest gives, and how many nodes it has.
_READ = """
import json, os
from pathlib import Path
from floe_images.errors import FloeError
from floe_images.runtime.manifests import manifest_path, read_manifest
home = Path(os.environ["FLOE_HOME"])
try:
    print(json.dumps([len(read_manifest(home, "dev", "project/shop")["nodes"]),
                      str(manifest_path(home, "dev", "project/shop"))]))
except FloeError as fault:
    print(json.dumps([fault.exit_code, str(fault)]))
"""
SAID = "floe-runtime: dbt reads project/shop for the target dev: the image has no manifests\n"


def read(shop: Shop) -> tuple[int, str, str]:
    done = run_inside(shop.python, ["-c", _READ], env=shop.env)
    number, text = json.loads(done.stdout)
    return number, text, done.stderr


@pytest.mark.acceptance
def test_a_whole_run_without_manifests(shop: Shop) -> None:
    shutil.rmtree(shop.root / "home/manifests")
    said = shop.run("run_shop", "{}")
    assert (said["outcome"], said["status"]) == ("success", "SUCCESS")
    assert [each.name for each in (shop.root / "home").iterdir() if each.name == "manifests"] == []
    (made,) = (shop.root / "scratch/floe-manifests").rglob("manifest.json")
    nodes, path, told = read(shop)
    assert (nodes > 5, Path(path), told) == (True, made, "")


@pytest.mark.acceptance
def test_it_is_made_again_for_another_project_and_a_refusal_is_dbt_s(shop: Shop) -> None:
    shutil.rmtree(shop.root / "home/manifests")
    usual, first, told = read(shop)
    assert told == SAID
    (shop.root / "home/project/shop/models/more.sql").write_text("select 1 as one")
    more, second, told = read(shop)
    assert (more, told, first == second) == (usual + 1, SAID, False)
    (shop.root / "home/project/shop/models/more.sql").write_text("select {{ ref('nothing') }}")
    code, text, _ = read(shop)
    assert (code, "depends on a node named 'nothing'" in text) == (5, True)
    assert not list((shop.root / "scratch/floe-manifests").rglob("*.writer"))
