"""What manifests are made from, and what becomes of an answer."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from floe_images.engine.assemble.collide import Exclusions
from floe_images.engine.assemble.manifest import TIME_LIMIT, Manifests, ParseOrder, read_answer
from floe_images.engine.assemble.parts import PartContext
from floe_images.engine.store import Store
from floe_images.errors import FloeError, InterpreterError, NotAvailableYetError, ProjectError
from floe_images.lock.model import Lock
from floe_images.plan.make import BuildOptions, make_plan
from floe_images.plan.model import DebPart, ManifestPart, Part, Plan, PlannedFile, RuntimePart, TreePart, WheelPart
from floe_images.progress import Silent
from tests.support import plans
from tests.support.wheels import wheel_bytes

WHEELS = {"dbt-core": ["jinja2"], "dbt-duckdb": [], "jinja2": [], "dagster": ["dbt-core"]}


class Fake:
    """The workshop; a part's key is the part."""

    def __init__(self, answer: object = None) -> None:
        self.answer = answer
        self.orders: list[ParseOrder] = []

    def key(self, part: Part) -> str:
        return repr(part)

    def parse(self, order: ParseOrder) -> bytes:
        self.orders.append(order)
        return json.dumps(self.answer).encode()


class Sample:
    def __init__(self, folder: Path) -> None:
        self.folder, self.store, self.files = folder, Store(folder / "cache"), dict[str, Path]()

    def lock(self, **versions: str) -> Lock:
        made = [plans.wheel(name, version=versions.get(name.replace("-", "_"), "1.0")) for name in WHEELS]
        for wheel in made:
            path = self.folder / wheel.files[0][1].name
            path.write_bytes(wheel_bytes(wheel.name, wheel.version, requires=WHEELS[wheel.name]))
            self.files[wheel.files[0][1].sha256] = path
        return plans.lock(*made, data=True)

    def plan(self, lock: Lock, *, epoch: int = 5, artifacts: bytes = b"{}") -> Plan:
        rendered = (PlannedFile(path="opt/floe/artifacts.json", data=artifacts),)
        return make_plan(plans.spec(), lock, options=BuildOptions(epoch=epoch), rendered=rendered)

    def manifests(self, plan: Plan, fake: Fake) -> tuple[Manifests, ManifestPart]:
        context = PartContext(files=self.files, project=self.folder, progress=Silent(), exclusions=Exclusions(paths={}))
        (part,) = plan.images[0].layers[-1].parts
        assert isinstance(part, ManifestPart)
        return Manifests(plan.images[0], context, self.store, workshop=fake), part

    def key(self, plan: Plan) -> str:
        manifests, part = self.manifests(plan, Fake())
        return manifests.stream(part).key


@pytest.fixture
def sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sample:
    # The lock of these tests names hashes of names, so that what is in a file cannot be held against it.
    monkeypatch.setattr("floe_images.engine.assemble.required.verified", lambda path, *_: path)
    return Sample(tmp_path)


def test_dbt_reads_again_what_can_change_its_manifest_and_nothing_else(sample: Sample) -> None:
    usual = sample.key(sample.plan(sample.lock()))
    assert sample.key(sample.plan(sample.lock())) == usual
    assert sample.key(sample.plan(sample.lock(dagster="2.0"))) == usual
    others = [
        sample.plan(sample.lock(jinja2="2.0")),
        sample.plan(sample.lock(dbt_core="2.0")),
        sample.plan(sample.lock(), epoch=6),
        sample.plan(sample.lock(), artifacts=b"{ }"),
        sample.plan(replace(sample.lock(), debian=plans.lock(debs=("libc6", "python3.11-minimal", "zlib1g")).debian)),
    ]
    assert len({usual, *map(sample.key, others)}) == 1 + len(others)


def test_the_order_names_the_parts_and_the_answer_becomes_files(sample: Sample) -> None:
    fake = Fake({"manifests": {"dev/project/transform/manifest.json": '{"é": 1}\n'}})
    manifests, part = sample.manifests(sample.plan(sample.lock()), fake)
    ((entry, content),) = manifests.stream(part).entries()
    assert (entry.path, entry.mode) == ("opt/floe/manifests/dev/project/transform/manifest.json", 0o644)
    assert b"".join(content()) == '{"é": 1}\n'.encode()
    assert entry.size == len('{"é": 1}\n'.encode())
    (order,) = fake.orders
    wheels = {each.wheel.name for each in order.code if isinstance(each, WheelPart)}
    assert wheels == {"dbt-core", "dbt-duckdb", "jinja2"}
    assert {each.deb.name for each in order.code if isinstance(each, DebPart)} == {"libc6", "python3.11-minimal"}
    assert any(isinstance(each, RuntimePart) for each in order.code)
    assert [each.source for each in order.home if isinstance(each, TreePart)] == ["transform"]
    assert json.loads(order.text(places=[("/a", "/b")], guarded=True)) == {
        "manifests": [
            {"target": "dev", "transform": "project/transform", "name": "dev/project/transform/manifest.json"}
        ],
        "epoch": 5,
        "places": [["/a", "/b"]],
        "container": dict(order.image.config.env),
        "limit": TIME_LIMIT,
    }
    assert json.loads(order.text(places=(), guarded=False))["limit"] is None


@pytest.mark.parametrize(
    ("answer", "kind", "text"),
    [
        (
            {"error": {"message": "in /opt/floe/project/t/x", "where": "/opt/floe/project/t", "hint": None, "code": 5}},
            ProjectError,
            "t: in t/x",
        ),
        (
            {"error": {"message": "later", "where": None, "hint": "wait", "code": 4}},
            NotAvailableYetError,
            "later",
        ),
        ({"manifests": {"other": ""}}, InterpreterError, "the image's dbt gave other manifests than it was asked for"),
        ([], InterpreterError, "the image's dbt gave no manifest"),
    ],
)  # fmt: skip
def test_what_is_no_manifest_is_one_error(sample: Sample, answer: object, kind: type[FloeError], text: str) -> None:
    manifests, part = sample.manifests(sample.plan(sample.lock()), fake := Fake(answer))
    with pytest.raises(kind) as raised:
        list(manifests.stream(part).entries())
    assert (type(raised.value), str(raised.value), bool(raised.value.hint)) == (kind, text, True)
    with pytest.raises(InterpreterError):
        read_answer(b"Killed", fake.orders[0])
