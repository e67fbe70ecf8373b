"""A dbt project's manifest with the asset, or the check, that each of its nodes becomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster
from dagster_dbt.asset_utils import get_upstream_unique_ids, is_non_asset_node

from floe_images.artifacts.model import ExportArtifact
from floe_images.errors import ProjectError
from floe_images.runtime.assets.checks import check_specs
from floe_images.runtime.assets.names import plain_name
from floe_images.runtime.assets.translator import FloeTranslator
from floe_images.runtime.assets.windows import Windows

_ASSETS = ("model", "seed", "snapshot")
_OURS = "dagster_dbt/"


@dataclass(frozen=True, kw_only=True)
class DbtGraph:
    """By dbt's unique ids: ``assets`` are what a run makes, ``sources`` and ``exposures`` what is only known of.

    Exports are among the assets, by ids of their own; ``exports`` has the unique id of the node that each is read from.
    """

    transform: str
    manifest: Mapping[str, Any]
    assets: Mapping[str, dagster.AssetSpec]
    sources: Mapping[str, dagster.AssetSpec]
    exposures: Mapping[str, dagster.AssetSpec]
    checks: Mapping[str, dagster.AssetCheckSpec]
    exports: Mapping[str, str]

    @property
    def keys(self) -> dict[str, dagster.AssetKey]:
        """Of everything that a run makes or looks at."""
        return {unique_id: spec.key for unique_id, spec in (*self.assets.items(), *self.sources.items())}


def read_graph(
    manifest: Mapping[str, Any], transform: str, windows: Windows | None, exports: Sequence[ExportArtifact] = ()
) -> DbtGraph:
    """``transform`` is the project's path in the artifacts, ``windows`` what all partitioned assets have in common.

    ``exports`` of nodes that are not this project's are left out. Raise ProjectError where two nodes ask for one key.
    """
    translator = FloeTranslator(windows)
    assets = {
        unique_id: _spec(manifest, translator, unique_id)
        for unique_id, node in sorted(manifest["nodes"].items())
        if node["resource_type"] in _ASSETS and not is_non_asset_node(node)
    }
    sources = {unique_id: _spec(manifest, translator, unique_id) for unique_id in sorted(manifest["sources"])}
    named = {manifest["nodes"][unique_id]["name"]: unique_id for unique_id in assets}
    exported = {each.unique_id: named[each.model] for each in exports if each.model in named}
    for each in exports:
        if each.unique_id in exported:
            assets[each.unique_id] = _export(each, assets[exported[each.unique_id]])
    keys = {unique_id: spec.key for unique_id, spec in (*assets.items(), *sources.items())}
    _each_key_once(manifest, keys)
    return DbtGraph(
        transform=transform,
        manifest=manifest,
        assets=assets,
        sources=sources,
        exposures={
            unique_id: _exposure(manifest, unique_id, keys) for unique_id in sorted(manifest.get("exposures", {}))
        },
        checks=check_specs(manifest, translator, keys),
        exports=exported,
    )


def _spec(manifest: Mapping[str, Any], translator: FloeTranslator, unique_id: str) -> dagster.AssetSpec:
    spec = translator.get_asset_spec(manifest, unique_id, None)
    node = translator.get_resource_props(manifest, unique_id)
    kind = {"source": "source", "model": (node.get("config") or {}).get("materialized")}.get(
        node["resource_type"], node["resource_type"]
    )
    # dagster-dbt keeps the whole manifest in each asset's metadata, for a process handling that is not used here.
    metadata = {key: value for key, value in spec.metadata.items() if not key.startswith(_OURS)}
    spec = spec.replace_attributes(metadata={**metadata, "dbt/unique_id": unique_id})
    return spec.merge_attributes(kinds={plain_name(kind)}) if kind else spec


def _export(export: ExportArtifact, model: dagster.AssetSpec) -> dagster.AssetSpec:
    """Skippable: an export is not made where the target is one that it cannot be read from."""
    return dagster.AssetSpec(
        key=dagster.AssetKey([export.catalog, *export.namespace.split("."), export.table]),
        deps=[model.key],
        skippable=True,
        description=f"{export.model} as an Iceberg table of the catalog {export.catalog}.",
        group_name=model.group_name,
        owners=model.owners or None,
        kinds={"iceberg"},
        metadata={"dbt/unique_id": export.unique_id},
    )


def _exposure(manifest: Mapping[str, Any], unique_id: str, keys: Mapping[str, dagster.AssetKey]) -> dagster.AssetSpec:
    """https://docs.getdbt.com/docs/build/exposures: who uses the assets, with owner and address."""
    node = manifest["exposures"][unique_id]
    owner = node.get("owner") or {}
    email = owner.get("email")
    emails = [email] if isinstance(email, str) else list(email or ())
    named = emails or ([f"team:{plain_name(owner['name'])}"] if owner.get("name") else [])
    said = {"url": dagster.MetadataValue.url(node["url"])} if node.get("url") else {}
    return dagster.AssetSpec(
        key=dagster.AssetKey(["exposures", node["name"]]),
        deps=sorted({keys[each] for each in get_upstream_unique_ids(manifest, node) if each in keys}),
        description=node.get("description") or node.get("label") or None,
        group_name="exposures",
        owners=named or None,
        kinds={"dbt", plain_name(node["type"])},
        tags={plain_name(tag): "" for tag in node.get("tags", ())},
        metadata={"dbt/unique_id": unique_id, **said},
    )


def _each_key_once(manifest: Mapping[str, Any], keys: Mapping[str, dagster.AssetKey]) -> None:
    seen: dict[dagster.AssetKey, str] = {}
    for unique_id, key in keys.items():
        if key in seen:
            both = " and ".join(sorted((seen[key], unique_id)))
            node = manifest["nodes"].get(unique_id) or manifest["sources"].get(unique_id) or {}
            raise ProjectError(
                f"{both} ask for the same asset key {key.to_user_string()}",
                where=node.get("original_file_path"),
                hint="meta.dagster.asset_key gives one of them another",
            )
        seen[key] = unique_id
