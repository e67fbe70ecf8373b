"""dbt's tests and unit tests as asset checks: each one has an asset that it is a check of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import dagster
from dagster_dbt.asset_utils import get_asset_check_key_for_test, get_upstream_unique_ids

from floe_images.runtime.assets.translator import FloeTranslator


def check_specs(
    manifest: Mapping[str, Any], translator: FloeTranslator, keys: Mapping[str, dagster.AssetKey]
) -> dict[str, dagster.AssetCheckSpec]:
    """By dbt's unique id. ``keys`` are the assets of models, seeds, snapshots and sources by theirs.

    A test of several assets that does not say which one it is of belongs to the one furthest downstream. A test that
    reads none of them has no check.
    """
    specs: dict[str, dagster.AssetCheckSpec] = {}
    taken: set[dagster.AssetCheckKey] = set()
    for unique_id, node in _tests(manifest):
        parents = {each for each in get_upstream_unique_ids(manifest, node) if each in keys}
        asset = _named(manifest, translator, unique_id, set(keys.values())) or _furthest(manifest, parents, keys)
        if asset is None:
            continue
        name = node["name"]
        while dagster.AssetCheckKey(asset, name) in taken:
            name += "_"
        taken.add(dagster.AssetCheckKey(asset, name))
        config = node.get("config") or {}
        specs[unique_id] = dagster.AssetCheckSpec(
            name=name,
            asset=asset,
            description=node.get("description") or (config.get("meta") or {}).get("description") or None,
            additional_deps={keys[each] for each in parents} - {asset},
            blocking=(config.get("severity") or "error").lower() == "error",
            metadata={"dbt/unique_id": unique_id},
        )
    return specs


def _tests(manifest: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for unique_id, node in sorted(manifest["nodes"].items()):
        if node["resource_type"] == "test":
            yield unique_id, node
    yield from sorted(manifest.get("unit_tests", {}).items())


def _named(
    manifest: Mapping[str, Any], translator: FloeTranslator, unique_id: str, known: set[dagster.AssetKey]
) -> dagster.AssetKey | None:
    found = get_asset_check_key_for_test(manifest, translator, unique_id, None)
    return found.asset_key if found and found.asset_key in known else None


def _furthest(
    manifest: Mapping[str, Any], parents: set[str], keys: Mapping[str, dagster.AssetKey]
) -> dagster.AssetKey | None:
    """The asset that most others lie before; of equals the first by name."""
    if not parents:
        return None
    before = {each: len(_ancestors(manifest, each)) for each in parents}
    return keys[min(parents, key=lambda each: (-before[each], each))]


def _ancestors(manifest: Mapping[str, Any], unique_id: str) -> set[str]:
    found: set[str] = set()
    queue = [unique_id]
    while queue:
        for parent in manifest["parent_map"].get(queue.pop(), ()):
            if parent not in found:
                found.add(parent)
                queue.append(parent)
    return found
