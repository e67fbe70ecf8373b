"""Images of recipes in a test's own registry, and one that is as PostgreSQL's official image is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from floe_images.engine.store import default_store
from floe_images.image.digest import Digest
from floe_images.lock.model import Lock, LockedRecipe
from floe_images.lock.recipe import Recipe, RecipeFile, recipe, shipped_lock
from floe_images.plan.layers import debian_layers
from floe_images.plan.model import ImagePlan, Plan
from floe_images.plan.services import plan_service
from floe_images.project.build import blobs
from floe_images.project.services import service_images
from floe_images.spec.load import load_spec
from tests.support.built import Blobs
from tests.support.flights import BuiltProject
from tests.support.registry import Registry


@dataclass(frozen=True)
class _Cached(Blobs):
    """The user's cache, as a test's registry asks for layers."""

    def path(self, digest: Digest) -> Path:
        return blobs(default_store())(digest)


def push_recipe(
    project: BuiltProject, registry: Registry, repository: str, tag: str, *, recipe: Recipe, locked: LockedRecipe
) -> Digest:
    """Its image on the root of ``project``, with Python, for both architectures, by floe's own engine; the index's
    digest."""
    loaded, store = load_spec(project.folder / "floe.yaml"), default_store()
    lock = replace(project.lock, services=(locked,))
    with store.in_use():
        plan = _with_python(plan_service(loaded.spec, lock, locked, recipe).image, lock)
        images = service_images(loaded, lock, plan, locked.service, store=store)
        return registry.push(repository, tag, _Cached(Path()), *images)


def _with_python(plan: Plan, lock: Lock) -> Plan:
    """A recipe's image has the pipeline's root, and not its interpreter."""

    def layered(image: ImagePlan) -> ImagePlan:
        system, *own = image.layers
        _, python = debian_layers(lock, image.platform, frozenset())
        return replace(image, layers=(system, python, *own))

    return replace(plan, images=tuple(layered(image) for image in plan.images))


def push_postgres(project: BuiltProject, registry: Registry, repository: str, tag: str) -> Digest:
    """As https://github.com/docker-library/postgres, ``17/bookworm/Dockerfile``: programs on the PATH, a shell, a
    volume below a folder that all may write, an entrypoint of its own; and nothing that floe would bring."""
    own = recipe("postgres")
    assert own.init is not None
    links = tuple(file for file in own.init.files if file.link is not None)
    folders = ("/var/lib/postgresql", "/var/lib/postgresql/data")
    like = replace(
        own,
        title="An image as PostgreSQL's official one is, for tests",
        init=None,
        image=replace(
            own.image,
            files=(*links, *(RecipeFile(path=path, mode=0o1777, folder=True) for path in folders)),
            env=(("PATH", "/usr/lib/postgresql/15/bin:/usr/bin"), ("PGDATA", "/var/lib/postgresql/data")),
            entrypoint=("docker-entrypoint.sh",),
            healthcheck=(),
            volumes=("/var/lib/postgresql/data",),
            working_dir="/",
        ),
    )
    return push_recipe(project, registry, repository, tag, recipe=like, locked=shipped_lock("postgres"))
