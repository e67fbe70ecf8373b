"""An image held against its wheels' RECORDs: every difference has its exception, any other is found."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from floe_images.engine.assemble.collide import Exclusions
from floe_images.engine.assemble.record_check import check_record, record_exceptions
from floe_images.engine.assemble.wheel import WheelSource, wheel_entries
from tests.support.wheels import AMD64, source, unpacked, wheel_bytes
from tests.unit.wheels.test_elf import library

SITE = "usr/local/lib/python3.11/dist-packages"
SHARED = f"{SITE}/ns/__init__.py"
EXCLUSIONS = Exclusions(paths={("demo", AMD64): frozenset({SHARED})})
NONE = Exclusions(paths={})


def _wheel() -> WheelSource:
    data = wheel_bytes(
        files={
            "demo/__init__.py": b"VALUE = 1\n",
            "demo/x.so": library(),
            "demo/small.so": library(between=0, behind=200),
            "demo/source.c": b"int x;",
            "ns/__init__.py": b"mine",
            "demo-1.0.data/scripts/tool": b"#!python\n",
            "demo-1.0.data/scripts/shell": b"#!/bin/sh\n",
        }
    )
    return source(data, platform=AMD64, excluded=[SHARED])


def _image(wheel: WheelSource) -> dict[str, bytes]:
    return {path: data for path, (_, data) in unpacked(wheel_entries(wheel)).items()} | {SHARED: b"another's"}


def _found(wheel: WheelSource, image: dict[str, bytes], exclusions: Exclusions = EXCLUSIONS) -> dict[str, str | None]:
    def read(path: str) -> Iterable[bytes] | None:
        return [image[path]] if path in image else None

    return {each.path.removeprefix(SITE + "/"): each.kind for each in check_record(wheel, read, exclusions)}


EXPECTED = {
    "demo/source.c": "pruned",
    "demo/x.so": "stripped",
    "ns/__init__.py": "collided",
    "usr/local/bin/tool": "rewritten",
}


def test_each_difference_that_floe_makes_has_its_exception() -> None:
    wheel = _wheel()
    assert _found(wheel, _image(wheel)) == EXPECTED


@pytest.mark.parametrize(
    ("path", "content"),
    [
        (f"{SITE}/demo/__init__.py", b"VALUE = 2\n"),
        (f"{SITE}/demo/__init__.py", None),
        (f"{SITE}/demo/x.so", b"something else"),
        (f"{SITE}/demo/small.so", None),
        (f"{SITE}/demo/source.c", b"int x;"),
        (SHARED, None),
        ("usr/local/bin/tool", b"#!/usr/bin/env python\n"),
        ("usr/local/bin/shell", b"#!/bin/bash\n"),
    ],
)
def test_any_other_difference_has_none(path: str, content: bytes | None) -> None:
    wheel = _wheel()
    image = _image(wheel)
    if content is None:
        del image[path]
    else:
        image[path] = content
    assert _found(wheel, image) == EXPECTED | {path.removeprefix(SITE + "/"): None}


def test_a_collision_that_nobody_decided_is_found() -> None:
    wheel = _wheel()
    assert _found(wheel, _image(wheel), NONE)["ns/__init__.py"] is None


def test_the_shipped_exceptions_name_owner_and_reason() -> None:
    assert set(record_exceptions()) == {"pruned", "collided", "rewritten", "generated", "stripped"}
    assert all(each.owner and len(each.reason) > 20 for each in record_exceptions().values())
