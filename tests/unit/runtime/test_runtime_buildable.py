"""Which tests come along with a part of the graph."""

from __future__ import annotations

import pytest

from floe_images.runtime.assets.buildable import buildable

PARENTS = {
    "model.a": ["source.raw"],
    "model.b": ["model.a"],
    "model.c": ["model.b"],
    "model.other": [],
    "test.a_is_unique": ["model.a"],
    "test.b_in_a": ["model.b", "model.a"],
    "test.b_in_other": ["model.b", "model.other"],
    "test.b_in_c": ["model.b", "model.c"],
    "test.b_in_raw": ["model.b", "source.raw"],
}
TESTS = {each for each in PARENTS if each.startswith("test.")}


@pytest.mark.parametrize(
    ("chosen", "tests"),
    [
        ({"model.a"}, {"test.a_is_unique"}),
        ({"model.b"}, {"test.a_is_unique", "test.b_in_a", "test.b_in_raw"}),
        ({"model.b", "model.other"}, TESTS - {"test.b_in_c"}),
        (set(), TESTS),
    ],
)
def test_a_test_needs_all_that_it_looks_at(chosen: set[str], tests: set[str]) -> None:
    assert buildable({"parent_map": PARENTS}, chosen, TESTS) == tests
