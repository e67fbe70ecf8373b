"""Resolve the recipes of services anew and write what `floe lock` starts from: data/recipes/NAME.lock.

Usage: python scripts/make_recipe_locks.py [NAME …]. It reaches the mirrors that this machine is configured for.
"""

from __future__ import annotations

import sys
from pathlib import Path

from floe_images.engine.fetch.reach import find_reach
from floe_images.engine.resolve.recipe import resolve_recipe
from floe_images.engine.store import default_store
from floe_images.engine.write import write_whole
from floe_images.lock.codec import write_services
from floe_images.lock.recipe import recipe, recipe_names
from floe_images.progress import SILENT
from floe_images.spec.image import Mirrors

RECIPES = Path(__file__).parents[1] / "floe_images" / "data" / "recipes"
HEAD = "# {}: what the image is put together from. Made by scripts/make_recipe_locks.py; do not edit, do commit."


def main(names: list[str]) -> None:
    store = default_store()
    reach = find_reach(Mirrors.model_construct(), RECIPES)
    for name in names or recipe_names():
        with store.in_use():
            locked = resolve_recipe(name, recipe(name), reach=reach, store=store, progress=SILENT)
        write_whole(RECIPES / f"{name}.lock", write_services(HEAD.format(recipe(name).title), [locked]))
        print(f"{name}: {locked.version}, {len(locked.debian[0][1])} Debian packages, {len(locked.wheels)} wheels")


if __name__ == "__main__":
    main(sys.argv[1:])
