"""The double as an image, for both architectures: a recipe as floe's own services have one, by floe's own engine."""

from __future__ import annotations

from dataclasses import replace

from floe_images.engine.resolve.recipe import resolve_recipe
from floe_images.engine.store import default_store
from floe_images.image.digest import Digest
from floe_images.lock.recipe import RecipeFile, read_recipe
from floe_images.progress import SILENT
from floe_images.project.lock import reach_for
from floe_images.spec.load import load_spec
from tests.support.flights import ROOT, BuiltProject
from tests.support.pushed import push_recipe
from tests.support.registry import Registry

TITLE = "A double of Apache Polaris, for tests"
_RECIPE = f"""
title = "{TITLE}"
program = "apache-polaris"

[[python]]
requirement = "apache-polaris"
reason = "its models read each request and each answer"

[[python]]
requirement = "cryptography"
reason = "its tokens are signed"

[[debian]]
package = "curl"
reason = "Polaris' own image has it, and is asked with it whether it is ready"

[image]
entrypoint = ["/usr/bin/python3.11", "-m", "tests.support.polaris.contained"]
healthcheck = []
working_dir = "/opt/double"
volumes = []
tmpfs = ["/tmp"]
ports = [8181, 8182]
stop_signal = "SIGKILL"
memory = "256MiB"

[image.env]
PYTHONPATH = "/opt/double"
PYTHONUNBUFFERED = "1"
PYTHONDONTWRITEBYTECODE = "1"
"""


def push_double(project: BuiltProject, registry: Registry, repository: str, tag: str) -> Digest:
    """Build it on the root of ``project`` and put it into ``registry``; the index's digest."""
    package = ROOT / "tests" / "support" / "polaris"
    files = tuple(
        RecipeFile(path=f"/opt/double/tests/support/polaris/{each.name}", text=each.read_text())
        for each in sorted(package.glob("*.py"))
    )
    found = read_recipe("polaris-double", _RECIPE)
    recipe = replace(found, image=replace(found.image, files=files))
    loaded, store = load_spec(project.folder / "floe.yaml"), default_store()
    with store.in_use():
        reach = reach_for(loaded, SILENT)
        locked = resolve_recipe("polaris", recipe, reach=reach, store=store, progress=SILENT)
    return push_recipe(project, registry, repository, tag, recipe=recipe, locked=locked)
