"""Who keeps a path that several distributions bring."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from floe_images.engine.assemble import collide
from floe_images.engine.assemble.collide import CollisionRule, collision_rules, decide, exclusions
from floe_images.engine.store import Store
from floe_images.errors import CollisionError
from floe_images.image.platform import Platform
from floe_images.lock.model import LockedFile, LockedWheel
from floe_images.plan.model import ImageConfig, ImagePlan, LayerPlan, Plan, RuntimePart, WheelPart
from tests.support.wheels import AMD64, ARM64, source, wheel_bytes

SITE = "usr/local/lib/python3.11/dist-packages"
NO_RULES: tuple[CollisionRule, ...] = ()


def test_the_first_by_name_keeps_identical_content() -> None:
    facts = {"b": {f"{SITE}/x.py": "1"}, "a": {f"{SITE}/x.py": "1"}, "c": {f"{SITE}/x.py": "1", f"{SITE}/c.py": "2"}}
    assert decide(facts, NO_RULES) == {"b": {f"{SITE}/x.py"}, "c": {f"{SITE}/x.py"}}


def test_a_rule_decides_between_different_contents() -> None:
    rules = (CollisionRule(path="ns/__init__.py", owner="c", reason="…"),)
    facts = {name: {f"{SITE}/ns/__init__.py": name} for name in "abc"}
    assert decide(facts, rules) == {"a": {f"{SITE}/ns/__init__.py"}, "b": {f"{SITE}/ns/__init__.py"}}
    first = (CollisionRule(path="ns/*.py", owner="first", reason="…"),)
    assert set(decide(facts, first)) == {"b", "c"}


def test_different_contents_without_a_rule_are_refused() -> None:
    facts = {"a": {f"{SITE}/x.py": "1"}, "b": {f"{SITE}/x.py": "2"}}
    with pytest.raises(CollisionError, match=r"^a: x.py has different content in a and b$"):
        decide(facts, NO_RULES)
    absent = (CollisionRule(path="x.py", owner="c", reason="…"),)
    with pytest.raises(CollisionError):
        decide(facts, absent)


def test_a_file_where_another_has_a_folder_is_refused() -> None:
    with pytest.raises(CollisionError, match=r"^a: x is a file here and a folder in b$"):
        decide({"a": {f"{SITE}/x": "1"}, "b": {f"{SITE}/x/y.py": "2"}}, NO_RULES)


def test_the_shipped_rules_settle_dbts_own_packages() -> None:
    init = f"{SITE}/dbt/__init__.py"
    facts = {
        "dbt-core": {init: "core", f"{SITE}/dbt/include/__init__.py": "1"},
        "dbt-adapters": {f"{SITE}/dbt/adapters/__init__.py": "a", f"{SITE}/dbt/include/__init__.py": "1"},
        "dbt-duckdb": dict.fromkeys((init, f"{SITE}/dbt/adapters/__init__.py", f"{SITE}/dbt/include/__init__.py"), "d"),
    }
    assert decide(facts) == {
        "dbt-core": {f"{SITE}/dbt/include/__init__.py"},
        "dbt-duckdb": {init, f"{SITE}/dbt/adapters/__init__.py", f"{SITE}/dbt/include/__init__.py"},
    }
    assert all(rule.reason for rule in collision_rules())


def _plan(tmp_path: Path, wheels: dict[str, dict[Platform | None, bytes]]) -> tuple[Plan, dict[str, Path]]:
    files: dict[str, Path] = {}
    images = []
    for platform in (AMD64, ARM64):
        parts = []
        for name, variants in wheels.items():
            locked = []
            for wanted, data in variants.items():
                digest = hashlib.sha256(data).hexdigest()
                files[digest] = tmp_path / digest
                files[digest].write_bytes(data)
                file_name = source(data, name, platform=wanted).file_name
                locked.append((wanted, LockedFile(name=file_name, size=len(data), sha256=digest)))
            wheel = LockedWheel(name=name, version="1.0", files=tuple(locked))
            if wheel.file_for(platform):
                parts.append(WheelPart(wheel=wheel, platform=None if None in variants else platform))
        layer = LayerPlan(name="wheels", platform=None, parts=(*parts, RuntimePart(version="0.1.0")))
        config = ImageConfig(
            user="", env=(), entrypoint=(), cmd=(), working_dir="", volumes=(), labels=(), healthcheck=()
        )
        images.append(ImagePlan(platform=platform, layers=(layer,), config=config))
    plan = Plan(reference="x:y", epoch=0, max_size=1, bytecode=True, annotations=(), images=tuple(images))
    return plan, files


def test_exclusions_of_a_plan_and_the_memo_give_the_same(tmp_path: Path) -> None:
    shared = {"ns/__init__.py": b"same\n"}
    plan, files = _plan(
        tmp_path,
        {
            "alpha": {None: wheel_bytes("alpha", files=shared)},
            "beta": {AMD64: wheel_bytes("beta", files=shared), ARM64: wheel_bytes("beta", files=shared | {"b": b""})},
        },
    )
    store = Store(tmp_path / "cache")
    first = exclusions(plan, files=files, store=store)
    assert first.paths == {
        ("beta", AMD64): {f"{SITE}/ns/__init__.py"},
        ("beta", ARM64): {f"{SITE}/ns/__init__.py"},
    }
    assert first.of("alpha", None) == frozenset()
    for path in files.values():
        path.unlink()
    assert exclusions(plan, files=files, store=store) == first


def test_the_memo_is_under_every_wheels_hash_and_under_the_rules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was decided comes back without deciding, and never for another plan or other rules."""
    decided: list[set[str]] = []
    monkeypatch.setattr(
        collide, "decide", lambda facts, rules=None: decided.append(set(facts)) or decide(facts, rules) or {}
    )
    store = Store(tmp_path / "cache")

    def left(content: bytes, **more: bytes) -> frozenset[str]:
        wheels = {
            "alpha": {None: wheel_bytes("alpha", files={"ns/x.py": b"1\n"})},
            "beta": {None: wheel_bytes("beta", files={"ns/y.py": content, **more})},
        }
        plan, files = _plan(tmp_path, wheels)
        return exclusions(plan, files=files, store=store).of("beta", None)

    assert left(b"2\n") == left(b"2\n") == frozenset()
    assert len(decided) == 2  # once a platform, the second time not at all
    assert left(b"3\n", **{"ns/x.py": b"1\n"}) == {f"{SITE}/ns/x.py"}
    assert len(decided) == 4
    rules = (CollisionRule(path="ns/x.py", owner="beta", reason="…"),)
    monkeypatch.setattr(collide, "collision_rules", lambda: rules)
    left(b"3\n", **{"ns/x.py": b"1\n"})
    assert len(decided) == 6
    monkeypatch.setattr(collide, "WHEEL_RULES", "another")
    left(b"3\n", **{"ns/x.py": b"1\n"})
    assert len(decided) == 8


@pytest.mark.parametrize("damage", [b"", b"{}", b'{"sha256": "0", "value": [["beta", null, ["evil"]]]}', None])
def test_a_damaged_memo_is_as_none(tmp_path: Path, damage: bytes | None) -> None:
    """None: a memo that is sealed, but holds something else."""
    same = {"ns/x.py": b"1\n"}
    plan, files = _plan(
        tmp_path,
        {"alpha": {None: wheel_bytes("alpha", files=same)}, "beta": {None: wheel_bytes("beta", files=same)}},
    )
    store = Store(tmp_path / "cache")
    first = exclusions(plan, files=files, store=store)
    assert first.paths == {("beta", None): {f"{SITE}/ns/x.py"}}
    for memo in (tmp_path / "cache" / "memo").iterdir():
        if damage is None:
            store.note(memo.stem, [["beta", "no/platform", 1]])
        else:
            memo.write_bytes(damage)
    assert exclusions(plan, files=files, store=store) == first


def test_a_shared_wheel_that_collides_on_one_platform_only_is_refused(tmp_path: Path) -> None:
    same = {"ns/__init__.py": b"same\n"}
    plan, files = _plan(
        tmp_path,
        {
            "alpha": {AMD64: wheel_bytes("alpha", files=same), ARM64: wheel_bytes("alpha")},
            "beta": {None: wheel_bytes("beta", files=same)},
        },
    )
    with pytest.raises(CollisionError, match=r"^beta: leaves ns/__init__.py to another package on one platform only"):
        exclusions(plan, files=files, store=Store(tmp_path / "cache"))
