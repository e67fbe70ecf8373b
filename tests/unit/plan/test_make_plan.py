"""Spec and lock → plan: which layers, in which order, with which parts; and what the image says of itself."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from floe_images.errors import UsageError
from floe_images.plan.layers import BIG_WHEEL, PLATFORM_BUCKETS, SHARED_BUCKETS, bucket
from floe_images.plan.make import BuildOptions, make_plan
from floe_images.plan.model import DebPart, FilesPart, ManifestPart, Plan, PlannedFile, TreePart, WheelPart
from tests.support.plans import SNAPSHOT, lock, spec, wheel
from tests.support.wheels import AMD64, ARM64

BOTH = (AMD64, ARM64)
GOLDEN = Path(__file__).parent / "plan.golden.json"
RENDERED = (
    PlannedFile(path="opt/floe/dagster/dagster.yaml", data=b"telemetry: {enabled: false}\n"),
    PlannedFile(path="opt/floe/artifacts.json", data=b"{}"),
)
LOCK = lock(
    wheel("pyarrow", size=BIG_WHEEL, native=BOTH),
    wheel("babel", size=BIG_WHEEL),
    wheel("click"),
    wheel("pyyaml", native=BOTH),
    wheel("uvloop", native=(AMD64,)),
    wheel("duckdb-extension-httpfs", version="1.5.5", native=BOTH),
    debs=("base-files", "libc6", "libpython3.11-stdlib", "python3.11-minimal", "busybox-static"),
    data=True,
)


def plan(options: BuildOptions | None = None, **image: object) -> Plan:
    return make_plan(spec(**image), LOCK, options=options or BuildOptions(), rendered=RENDERED)


def described(made: Plan) -> dict[str, object]:
    def name(part: object) -> str:
        if isinstance(part, DebPart):
            return f"deb {part.deb.file.name}"
        if isinstance(part, WheelPart):
            return f"wheel {part.wheel.name} {part.platform or 'any'}"
        if isinstance(part, FilesPart):
            links = [f"{file.path} -> {file.link}" for file in part.files if file.link and part.name != "base"]
            return " ".join([f"files {part.name}", *(links or [file.path for file in part.files][:2])])
        if isinstance(part, TreePart):
            return f"tree {part.source} at {part.place}"
        if isinstance(part, ManifestPart):
            return f"manifest of {' '.join(part.targets)} by {' '.join(part.packages)} at {part.place}"
        return type(part).__name__

    return {
        "reference": made.reference,
        "annotations": dict(made.annotations),
        "config": {key: value for key, value in vars(made.images[0].config).items() if key != "labels"},
        "images": {
            str(image.platform): [
                {"layer": layer.name, "platform": str(layer.platform or "any"), "parts": [name(p) for p in layer.parts]}
                for layer in image.layers
            ]
            for image in made.images
        },
    }


def test_golden() -> None:
    """Made again with ``python -m tests.unit.plan.test_make_plan``; read the difference before it is committed."""
    assert json.loads(json.dumps(described(plan()))) == json.loads(GOLDEN.read_text("utf-8"))


def test_what_serves_every_platform_is_planned_the_same_for_all() -> None:
    amd64, arm64 = plan().images
    shared = [[layer for layer in image.layers if layer.platform is None] for image in (amd64, arm64)]
    assert shared[0] == shared[1]
    assert {layer.name for layer in shared[0]} >= {"wheel-babel", "runtime", "data", "project"}
    names = [layer.name for layer in arm64.layers]
    assert not any(
        isinstance(part, WheelPart) and part.wheel.name == "uvloop" for x in arm64.layers for part in x.parts
    )
    assert len(set(names)) == len(names)
    assert names[:2] == ["system", "python"]
    assert names[-4:] == ["runtime", "data", "project", "manifest"]


def test_every_locked_thing_is_in_exactly_one_layer() -> None:
    for image in plan().images:
        wheels = Counter(p.wheel.name for layer in image.layers for p in layer.parts if isinstance(p, WheelPart))
        assert wheels == {each.name: 1 for each in LOCK.wheels if each.file_for(image.platform)}
        debs = Counter(p.deb.name for layer in image.layers for p in layer.parts if isinstance(p, DebPart))
        assert debs == {each.name: 1 for each in LOCK.debs(image.platform) if each.name != "busybox-static"}


def test_a_bump_changes_one_layer() -> None:
    wheels = tuple(wheel("click", version="1.1") if each.name == "click" else each for each in LOCK.wheels)
    bumped = make_plan(spec(), replace(LOCK, wheels=wheels), options=BuildOptions(), rendered=RENDERED)
    changed = [
        old.name for old, new in zip(plan().images[0].layers, bumped.images[0].layers, strict=True) if old != new
    ]
    assert changed == [f"wheels-any-{bucket('click', SHARED_BUCKETS)}"]


def test_buckets_stay_for_ever_and_spread() -> None:
    assert [bucket(name, SHARED_BUCKETS) for name in ("click", "dagster", "dbt-core")] == [4, 1, 1]
    spread = Counter(bucket(f"package-{number}", PLATFORM_BUCKETS) for number in range(1000))
    assert set(spread) == set(range(PLATFORM_BUCKETS))
    assert min(spread.values()) > 200


def test_two_hundred_packages_stay_far_below_the_classic_stores_limit() -> None:
    wheels = [wheel(f"any-{number}") for number in range(150)] + [wheel(f"own-{n}", native=BOTH) for n in range(50)]
    wheels += [wheel(f"big-{number}", size=BIG_WHEEL, native=BOTH) for number in range(17)]
    made = make_plan(spec(), lock(*wheels, data=True), options=BuildOptions(), rendered=RENDERED)
    assert len(made.images[0].layers) == 2 + 17 + SHARED_BUCKETS + PLATFORM_BUCKETS + 4


def test_the_manifest_is_made_by_dbt_its_adapters_and_what_the_project_adds_for_every_platform_of_the_lock() -> None:
    made = plan(BuildOptions(platforms=(ARM64,), epoch=7), python_packages=["dbt_plugin[x]>=1 ; python_version > '3'"])
    (part,) = made.images[0].layers[-1].parts
    assert isinstance(part, ManifestPart)
    assert (part.targets, part.transforms, part.epoch) == (("dev",), ("project/transform",), 7)
    assert part.packages == ("dbt-core", "dbt-duckdb", "dbt-plugin")
    here = made.workshop(AMD64)
    assert here
    assert (here.platform, here.layers[-1], made.workshop(None)) == (AMD64, made.images[0].layers[-1], None)


def test_a_debug_image_differs_in_name_and_its_topmost_layer_only() -> None:
    usual, debug = plan(debug=True), plan(BuildOptions(debug=True), debug=True)
    assert (usual.reference, debug.reference) == ("localhost/demo:latest", "localhost/demo-debug:latest-debug")
    for image, other in zip(usual.images, debug.images, strict=True):
        assert other.layers[:-1] == image.layers
        assert other.layers[-1].name == "debug"
        assert {file.path for p in other.layers[-1].parts if isinstance(p, FilesPart) for file in p.files} >= {
            "usr/bin/sh"
        }
        assert replace(other.config, labels=()) == replace(image.config, labels=())


def test_options() -> None:
    made = plan(
        BuildOptions(platforms=(ARM64,), bytecode=False, epoch=0, revision="abc"), source="https://example.org/x"
    )
    said = dict(made.annotations)
    assert [image.platform for image in made.images] == [ARM64]
    assert (made.epoch, made.bytecode, made.max_size) == (0, False, 2_000_000_000)
    assert said["org.opencontainers.image.created"] == "1970-01-01T00:00:00Z"
    assert said["org.opencontainers.image.source"] == "https://example.org/x"
    assert said["org.opencontainers.image.revision"] == "abc"
    assert (said["floe.bytecode"], said["floe.manifests"]) == ("none", "none")
    assert (made.images[0].layers[-1].name, made.workshop(AMD64)) == ("project", None)
    assert dict(made.images[0].config.labels) == said
    assert plan().epoch == SNAPSHOT


def test_what_cannot_be_planned() -> None:
    with pytest.raises(UsageError, match=r"floe\.yaml asks for no debug image"):
        plan(BuildOptions(debug=True))
    only = replace(LOCK, platforms=(AMD64,))
    with pytest.raises(UsageError, match="linux/arm64 is not locked"):
        make_plan(spec(), only, options=BuildOptions(platforms=(ARM64,)), rendered=RENDERED)


def test_scripts_that_floe_yaml_lets_go() -> None:
    made = plan(debian_packages=[{"name": "libc6", "skip_scripts": True}])
    parts = [p for layer in made.images[0].layers for p in layer.parts if isinstance(p, DebPart)]
    assert [part.deb.name for part in parts if part.skip_scripts] == ["libc6"]


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(described(plan()), indent=1) + "\n", "utf-8")
