"""DuckDB targets whose tables lie in an Iceberg catalog: dbt's tables, seeds and snapshots go there, in its manifest.

Views, ephemeral models and what asks for a database of its own stay where they are: DuckDB can make no view in a
catalog. Nodes and macros are changed when dbt has read the project, so that a manifest made with an image carries it.
"""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from floe_images.errors import FloeError
from floe_images.runtime.catalogs.target import TargetCatalog

_MACROS = Path(__file__).parent / "macros" / "iceberg.sql"
_PACKAGE = "dbt_duckdb"
_MATERIALIZED = {"model": ("table", "incremental"), "seed": ("seed",), "snapshot": ("snapshot",)}
_TAG = re.compile(r"\{%-?\s*(?:macro|materialization)\s[^%]*?-?%\}")
_NAME = re.compile(r"\{%-?\s*macro\s+(\w+)\(")
_ROWS = 65_536  # of one batch of Arrow data

# What is said first in macros of dbt's and dbt-duckdb's: unique id → the words.
_FIRST = {
    "macro.dbt_duckdb.materialization_table_duckdb": (
        "{%- if floe_in_catalog(this) -%}{{ return(floe_catalog_table()) }}{%- endif -%}"
    ),
    "macro.dbt_duckdb.materialization_incremental_duckdb": (
        "{%- if floe_in_catalog(this) and (should_full_refresh() or not adapter.floe_has_data(this)) -%}"
        "{{ return(floe_catalog_table()) }}{%- endif -%}"
    ),
    "macro.dbt.materialization_seed_default": (
        "{%- if floe_in_catalog(this) -%}{{ return(floe_catalog_seed()) }}{%- endif -%}"
    ),
    "macro.dbt.is_incremental": (
        "{%- if execute and floe_in_catalog(this) and not adapter.floe_has_data(this) -%}"
        "{{ return(False) }}{%- endif -%}"
    ),
    "macro.dbt_duckdb.duckdb__create_table_as": (
        "{%- if language == 'sql' and floe_in_catalog(this) -%}"
        "{{ return(floe_create_table_as(temporary, relation, compiled_code)) }}{%- endif -%}"
    ),
    "macro.dbt_duckdb.duckdb__drop_relation": (
        "{%- if floe_in_catalog(relation) -%}{{ return(floe_drop_relation(relation)) }}{%- endif -%}"
    ),
    "macro.dbt_duckdb.duckdb__alter_relation_comment": (
        "{%- if floe_in_catalog(relation) -%}{{ return('select 1') }}{%- endif -%}"
    ),
    "macro.dbt_duckdb.duckdb__alter_column_comment": (
        "{%- if floe_in_catalog(relation) -%}{{ return('select 1') }}{%- endif -%}"
    ),
}


class _Current:
    """The catalog of the target that dbt now works on in this process, and PyIceberg's client of it."""

    def __init__(self) -> None:
        self.target: TargetCatalog | None = None
        self.hooked = False
        self._lock = threading.Lock()
        self._client: Any = None

    def use(self, target: TargetCatalog | None) -> None:
        with self._lock:
            self.target, self._client = target, None

    def client(self) -> Any:
        from floe_images.runtime.catalogs.table import open_catalog

        with self._lock:
            assert self.target
            if self._client is None:
                self._client = open_catalog(self.target.name, self.target.properties)
            return self._client


_current = _Current()


def into_catalog(target: TargetCatalog | None) -> None:
    """From now on, in this process, dbt works on a DuckDB target with this catalog, or with none. Needs dbt."""
    _current.use(target)
    if target is None:
        return
    from dbt.parser.manifest import ManifestLoader

    from floe_images.runtime.dbt.export import export_after_models

    if _current.hooked:
        return
    _current.hooked = True
    read = ManifestLoader.load
    _extend_adapter()
    export_after_models(_current)

    def load(self: Any) -> Any:
        from dbt.adapters.factory import get_relation_class_by_name

        manifest = read(self)
        # One process may read the project for several targets.
        found = _current.target if self.root_project.credentials.type == "duckdb" else None
        if found is not None and found.attached:
            kind = get_relation_class_by_name("duckdb")
            for node in moved(manifest.nodes.values(), found.name):
                node.relation_name = str(kind.create_from(self.root_project, node))
            extend(manifest.macros)
            manifest._macros_by_name = manifest._macros_by_package = None  # dbt's memory of those before
        elif found is not None:
            _refuse_sources(manifest.sources.values(), found)
            # The file's table is not partitioned, the exported one is: no need to warn that it is ignored.
            _let_say_first(manifest.macros["macro.dbt_duckdb.duckdb__get_partitioned_by"], "{{ return(none) }}")
        return manifest

    ManifestLoader.load = load


def _refuse_sources(sources: Iterable[Any], target: TargetCatalog) -> None:
    """Raise dbt's DbtConfigError for those that only DuckDB itself could read out of the catalog."""
    from dbt_common.exceptions import DbtConfigError

    named = sorted(each.unique_id for each in sources if (each.database or "").casefold() == target.name.casefold())
    if named:
        raise DbtConfigError(
            f"{', '.join(named)}: DuckDB cannot attach the catalog {target.name}, so its tables are no sources"
        )


def moved(nodes: Iterable[Any], catalog: str) -> list[Any]:
    """Those of dbt's nodes that become tables of the catalog; their database is it from now on."""
    found = []
    for node in nodes:
        kinds = _MATERIALIZED.get(str(node.resource_type).rpartition(".")[2].casefold(), ())
        if node.config.get("materialized") in kinds and not node.config.get("database"):
            node.database = catalog
            found.append(node)
    return found


def extend(macros: dict[str, Any]) -> None:
    """Add floe's macros to dbt's, by unique id, and let those that they stand in for ask them first."""
    like = macros["macro.dbt_duckdb.duckdb__drop_relation"]
    for name, text in own_macros().items():
        unique_id = f"macro.{_PACKAGE}.{name}"
        macros[unique_id] = replace(like, name=name, unique_id=unique_id, macro_sql=text)
    for unique_id, words in _FIRST.items():
        _let_say_first(macros[unique_id], words)


def own_macros() -> dict[str, str]:
    """The text of each macro of ``macros/iceberg.sql``, by name."""
    text = _MACROS.read_text(encoding="utf-8")
    starts = [*_NAME.finditer(text)]
    ends = [*(found.start() for found in starts[1:]), len(text)]
    return {found[1]: text[found.start() : end].rstrip() for found, end in zip(starts, ends, strict=True)}


def _let_say_first(macro: Any, words: str) -> None:
    opened = said_first(macro.macro_sql, words)
    if not macro.macro_sql.startswith(opened[: opened.index(words) + len(words)]):
        macro.macro_sql = opened


def said_first(text: str, words: str) -> str:
    """A macro's text with ``words`` behind its opening tag."""
    tag = _TAG.search(text)
    assert tag, text[:80]
    return text[: tag.end()] + words + text[tag.end() :]


def _extend_adapter() -> None:
    """What the macros ask, as methods of dbt-duckdb's adapter."""
    from dbt.adapters.duckdb.impl import DuckDBAdapter

    added = {
        "floe_in_catalog": _in_catalog,
        "floe_has_data": _has_data,
        "floe_type": _type,
        "floe_partition": _partition,
        "floe_overwrite": _overwrite,
    }
    for name, method in added.items():
        setattr(DuckDBAdapter, name, method)
    DuckDBAdapter._available_ = DuckDBAdapter._available_ | set(added)


def _in_catalog(_adapter: Any, database: str | None) -> bool:
    found = _current.target
    return found is not None and found.attached and (database or "").casefold() == found.name.casefold()


def _has_data(_adapter: Any, relation: Any) -> bool:
    from floe_images.runtime.catalogs.table import has_data

    return has_data(_current.client(), (relation.schema, relation.identifier))


def _type(_adapter: Any, duckdb_type: str) -> str:
    from floe_images.runtime.catalogs.types import iceberg_type

    return iceberg_type(duckdb_type)


def _partition(_adapter: Any, asked: Any, relation: Any) -> str:
    from floe_images.runtime.catalogs.types import partition_fields

    with _as_dbt():
        return ", ".join(field.sql() for field in partition_fields(asked, of=relation.identifier))


def _overwrite(adapter: Any, source: Any, relation: Any, partition: Any) -> str:
    """Whatever the rows of ``source`` are, the table has them afterwards, and no others."""
    from floe_images.runtime.catalogs.table import write_table
    from floe_images.runtime.catalogs.types import partition_fields

    with _as_dbt():
        cursor = adapter.connections.get_thread_connection().handle.cursor()
        rows = cursor.execute(f"select * from {source}").to_arrow_reader(_ROWS)  # noqa: S608 (dbt quoted the name)
        write_table(
            _current.client(),
            (relation.schema, relation.identifier),
            rows,
            partition=partition_fields(partition, of=relation.identifier),
        )
    return ""


@contextlib.contextmanager
def _as_dbt() -> Iterator[None]:
    """An expected error of ours as one of dbt's, which is the node's and not a crash of dbt."""
    from dbt_common.exceptions import DbtRuntimeError

    try:
        yield
    except FloeError as fault:
        raise DbtRuntimeError(f"{fault} ({fault.hint})" if fault.hint else str(fault)) from None
