"""How a node of dbt's graph becomes an asset: dagster-dbt's translator, with floe's groups, owners and partitions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

import dagster
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings

from floe_images.runtime.assets.names import plain_name
from floe_images.runtime.assets.partitions import partitions_definition
from floe_images.runtime.assets.windows import Windows, windows_of

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


class FloeTranslator(DagsterDbtTranslator):  # type: ignore[misc]  # dagster-dbt is not there when types are checked
    """``props`` below is a node of dbt's manifest."""

    def __init__(self, windows: Windows | None) -> None:
        """``windows`` are those of the whole project: `common_windows`."""
        self._partitions = partitions_definition(windows) if windows else None
        super().__init__(DagsterDbtTranslatorSettings(enable_source_tests_as_checks=True))

    def get_group_name(self, props: Mapping[str, Any]) -> str | None:
        """``meta.dagster.group``, else dbt's group, else the folder: a source's name, ``marts`` of models/marts."""
        group = super().get_group_name(props)
        root, *below = PurePosixPath(props.get("original_file_path", "")).parent.parts or ("",)
        if not group and props["resource_type"] == "source":
            group = props["source_name"]
        elif not group:
            group = below[0] if below else root
        return plain_name(group) if group else None

    def get_owners(self, props: Mapping[str, Any]) -> Sequence[str] | None:
        """``meta.dagster.owners``, else ``meta.owner``, else the owner of dbt's group; no address: a team's name."""
        meta = (props.get("config") or {}).get("meta") or props.get("meta") or {}
        owners = (meta.get("dagster") or {}).get("owners") or meta.get("owner")
        if not owners and isinstance(props.get("group"), Mapping):
            owner = props["group"].get("owner") or {}
            owners = owner.get("email") or owner.get("name")
        named = [owners] if isinstance(owners, str) else list(owners or ())
        return [_owner(str(name)) for name in named if name] or None

    def get_partitions_def(self, props: Mapping[str, Any]) -> dagster.PartitionsDefinition | None:
        return self._partitions if windows_of(props) else None


def _owner(name: str) -> str:
    if _EMAIL.fullmatch(name):
        return name
    return f"team:{plain_name(name.removeprefix('team:'))}"
