"""A service's plan: the pipeline's root below, the service's own layer on top, a shell only in what prepares it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from floe_images.errors import UsageError
from floe_images.image.platform import Platform
from floe_images.lock.model import LockedRecipe
from floe_images.lock.recipe import Recipe, read_recipe
from floe_images.plan.layers import BIG_WHEEL
from floe_images.plan.make import BuildOptions, make_plan
from floe_images.plan.model import DebPart, FilesPart, ImagePlan, WheelPart
from floe_images.plan.services import ServicePlan, plan_service
from tests.support.plans import deb, lock, spec, wheel
from tests.support.wheels import AMD64, ARM64
from tests.unit.lock.test_recipes import SMALL

LOCK = lock(wheel("click"), debs=("base-files", "libc6", "libssl3", "python3.11-minimal"))
RECIPE = read_recipe("small", SMALL)
LOCKED = LockedRecipe(
    service="small",
    recipe="small",
    version="1:2.0~rc1+b2",
    inputs=RECIPE.inputs,
    time=1_780_000_000,
    debian=tuple(
        (platform, tuple(deb(name, platform) for name in ("busybox-static", "libssl3", "small")))
        for platform in (AMD64, ARM64)
    ),
    wheels=(wheel("rocks", size=BIG_WHEEL, native=(AMD64, ARM64)),),
)


def plan(
    locked: LockedRecipe = LOCKED, recipe: Recipe = RECIPE, *, platforms: tuple[Platform, ...] = (), **image: object
) -> ServicePlan:
    return plan_service(spec(**image), LOCK, locked, recipe, platforms=platforms)


def parts(image: ImagePlan, layer: int) -> list[str]:
    found = []
    for part in image.layers[layer].parts:
        if isinstance(part, DebPart):
            found.append(part.deb.name)
        elif isinstance(part, WheelPart):
            found.append(f"{part.wheel.name} {part.platform}")
        elif isinstance(part, FilesPart):
            found += [f"/{file.path}" for file in part.files]
    return found


def test_the_root_is_the_pipelines_own() -> None:
    pipeline = make_plan(spec(), LOCK, options=BuildOptions(), rendered=())
    for image in (*plan().image.images, *(plan().init or plan().image).images):
        (same,) = [each for each in pipeline.images if each.platform == image.platform]
        assert image.layers[0] == same.layers[0]
    assert [layer.name for layer in plan().image.images[0].layers] == ["system", "small"]


def test_the_services_layer_has_what_the_root_has_not() -> None:
    assert parts(plan().image.images[0], 1) == ["small", "rocks linux/amd64", "/etc/small.conf", "/var/lib/small"]
    assert parts(plan().image.images[1], 1)[1] == "rocks linux/arm64"


def test_what_prepares_has_one_layer_more() -> None:
    made = plan()
    assert made.init is not None
    assert made.init.images[0].layers[:2] == made.image.images[0].layers
    assert parts(made.init.images[0], 2) == ["busybox-static", "/usr/bin/mv", "/usr/bin/sh"]
    assert made.init.images[0].config.entrypoint == ("/bin/sh", "/init")
    assert (made.init.images[0].config.healthcheck, made.init.images[0].config.exposed_ports) == ((), ())


def test_how_it_starts() -> None:
    config = plan().image.images[0].config
    assert (config.user, config.entrypoint, config.cmd) == ("10001:0", ("/usr/bin/small",), ())
    assert config.env == (("A", "1"), ("B", "2"))
    assert config.healthcheck == ("CMD", "/usr/bin/small", "--ask")
    assert (config.volumes, config.exposed_ports, config.stop_signal) == (("/var/lib/small",), ("99/tcp",), "SIGINT")
    assert dict(config.labels) == {
        "floe.base.suite": "debian bookworm",
        "floe.recipe": "small",
        "floe.recipe.inputs": RECIPE.inputs,
        "org.opencontainers.image.base.name": "scratch",
        "org.opencontainers.image.created": "2026-05-28T20:26:40Z",
        "org.opencontainers.image.title": "Small",
        "org.opencontainers.image.version": "1:2.0~rc1+b2",
    }


def test_the_name_says_the_version_and_what_is_in_it() -> None:
    made = plan()
    assert made.init is not None
    name, _, tag = made.image.reference.partition(":")
    assert name == "localhost/floe-small"
    assert tag.startswith("1.2.0.rc1.b2-")
    assert len(tag) == len("1.2.0.rc1.b2-") + 12
    assert made.init.reference.startswith("localhost/floe-small-init:1.2.0.rc1.b2-")
    other = replace(LOCKED, wheels=(wheel("rocks", version="2.0", size=BIG_WHEEL, native=(AMD64, ARM64)),))
    assert plan(other).image.reference != made.image.reference
    settings = read_recipe("small", SMALL.replace("on = yes", "on = no"))
    assert plan(recipe=settings).image.reference != made.image.reference
    assert plan(platforms=(AMD64,)).image.reference == made.image.reference


def test_another_pipeline_on_the_same_root_changes_nothing() -> None:
    """Else each new model would start the database anew."""
    grown = replace(LOCK, inputs="9" * 64, wheels=(*LOCK.wheels, wheel("zstd")))
    assert plan_service(spec(tag="2"), grown, LOCKED, RECIPE) == plan()


def test_a_platform_that_is_not_locked() -> None:
    assert [image.platform for image in plan(platforms=(ARM64,)).image.images] == [ARM64]
    only = replace(LOCK, platforms=(AMD64,))
    with pytest.raises(UsageError, match="linux/arm64 is not locked"):
        plan_service(spec(), only, LOCKED, RECIPE, platforms=(ARM64,))
    assert [image.platform for image in plan_service(spec(), only, LOCKED, RECIPE).image.images] == [AMD64]
