"""How much memory this container may use, and which part of it DuckDB gets."""

from __future__ import annotations

from pathlib import Path

_FILES = ("memory.max", "memory/memory.limit_in_bytes")  # cgroup v2, v1
_UNLIMITED = 1 << 60  # v1 says "no limit" as a huge page-aligned number
_FLOOR = 128 * 1024**2


def memory_limit(root: Path = Path("/sys/fs/cgroup")) -> int | None:
    """The container's limit in bytes; None where there is none (https://docs.kernel.org/admin-guide/cgroup-v2.html)."""
    for name in _FILES:
        try:
            text = (root / name).read_text(encoding="ascii").strip()
        except OSError:
            continue
        if text.isdigit() and int(text) < _UNLIMITED:
            return int(text)
    return None


def duckdb_memory(limit: int | None, asked: int | None) -> str | None:
    """DuckDB's ``memory_limit``: what floe.yaml asks for, else half of the container's limit (both in bytes).

    DuckDB's own default is 80 % of the limit, which together with dbt's 200 MB ends small containers.
    None leaves DuckDB's default.
    """
    if asked is not None:
        return f"{asked}B"
    return None if limit is None else f"{max(limit // 2, _FLOOR)}B"
