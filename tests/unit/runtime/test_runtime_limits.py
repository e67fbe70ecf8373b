"""The container's memory limit, as either version of cgroups says it."""

from __future__ import annotations

from pathlib import Path

import pytest

from floe_images.runtime.limits import duckdb_memory, memory_limit


@pytest.mark.parametrize(
    ("file", "text", "limit"),
    [
        ("memory.max", "1073741824\n", 2**30),
        ("memory.max", "max\n", None),
        ("memory/memory.limit_in_bytes", "536870912\n", 2**29),
        ("memory/memory.limit_in_bytes", "9223372036854771712\n", None),
    ],
)
def test_the_limit_is_read(tmp_path: Path, file: str, text: str, limit: int | None) -> None:
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(text)
    assert memory_limit(tmp_path) == limit


def test_no_cgroups_no_limit(tmp_path: Path) -> None:
    assert memory_limit(tmp_path) is None


def test_duckdb_gets_half_but_never_too_little() -> None:
    assert duckdb_memory(2**30, None) == f"{2**29}B"
    assert duckdb_memory(2**20, None) == f"{128 * 2**20}B"
    assert duckdb_memory(None, None) is None
    assert duckdb_memory(2**30, 5) == "5B"
