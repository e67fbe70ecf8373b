"""Which partitions a model asks for, and what a project's models have in common."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from floe_images.errors import ProjectError
from floe_images.runtime.assets.windows import Windows, common_windows, windows_of


def _batch(size: str, begin: object) -> dict[str, Any]:
    config = {"materialized": "incremental", "incremental_strategy": "microbatch", "batch_size": size, "begin": begin}
    return {"original_file_path": f"models/{size}.sql", "config": config}


def _meta(**asked: object) -> dict[str, Any]:
    return {"original_file_path": "models/m.sql", "config": {"meta": {"floe": {"partitions": asked}}}}


def test_a_microbatch_model_has_its_batches() -> None:
    for begin in ("2013-01-01", "2013-01-01T00:00:00Z", datetime(2013, 1, 1)):
        assert windows_of(_batch("day", begin)) == Windows(every="day", start=datetime(2013, 1, 1), timezone="UTC")


def test_any_model_may_ask() -> None:
    found = windows_of(_meta(every="week", start="2013-01-07", timezone="America/New_York"))
    assert found == Windows(every="week", start=datetime(2013, 1, 7), timezone="America/New_York")


def test_other_models_have_none() -> None:
    assert windows_of({"config": {"materialized": "incremental", "incremental_strategy": "append"}}) is None
    assert windows_of({"config": {"meta": {"owner": "x"}}}) is None


@pytest.mark.parametrize(
    ("node", "said"),
    [
        (_meta(every="fortnight", start="2013-01-01"), "meta.floe.partitions.every is 'fortnight'"),
        (_meta(every="day"), "meta.floe.partitions.start is None"),
        (_meta(every="day", start="2013-01-01", timezone="Mars/Base"), "'Mars/Base' is no time zone"),
        (_meta(every="day", start="2013-01-01", zone="UTC"), "the keys every, start and timezone, and no others"),
        (_batch("day", "soon"), "begin is 'soon'"),
    ],
)
def test_what_is_none_is_named_with_its_file(node: dict[str, Any], said: str) -> None:
    with pytest.raises(ProjectError) as raised:
        windows_of(node)
    assert said in raised.value.message
    assert raised.value.where == node["original_file_path"]


def test_a_project_has_the_longest_from_the_earliest_start() -> None:
    nodes = [_batch("hour", "2013-06-01"), _batch("month", "2014-01-01"), {"config": {}}]
    assert common_windows(nodes) == Windows(every="month", start=datetime(2013, 6, 1), timezone="UTC")
    assert common_windows([{"config": {}}]) is None


def test_weeks_do_not_fit_into_months_nor_one_zone_into_another() -> None:
    with pytest.raises(ProjectError, match="weeks do not fit into the months"):
        common_windows([_batch("month", "2013-01-01"), _meta(every="week", start="2013-01-07")])
    zoned = _meta(every="day", start="2013-01-01", timezone="Europe/Berlin")
    with pytest.raises(ProjectError, match="Europe/Berlin"):
        common_windows([_batch("month", "2013-01-01"), zoned])
