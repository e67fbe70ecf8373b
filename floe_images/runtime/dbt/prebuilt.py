"""dbt's manifest that was made with the image, as the object that dbt runs from; and whether it still fits."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from floe_images.artifacts.model import Reference, TargetArtifact

HOME = "/opt/floe"  # what manifests name as FLOE_HOME, wherever they were made
ENVIRONMENT = "floe_environment"  # in the metadata: variables that the project read, by fingerprint
CLOCK = "floe_clock"  # in the metadata: what the manifest says depends on when it was made
# Settings that end up in the names of relations; who connects as whom, and where, does not.
_READY: dict[
    Path, tuple[dict[str, Any], Any]
] = {}  # by file: metadata and dbt's Manifest, made before they were asked for
_NAMES = ("database", "schema", "project", "dataset", "catalog", "path")


def known_before_start(target: TargetArtifact) -> bool:
    """Whether the relations' names depend on nothing that is only known where the image runs."""
    return not any(isinstance(target.settings.get(key), Reference) for key in _NAMES)


def fingerprint(value: str | None) -> str | None:
    """Of a variable's value: it may be compared and not be read."""
    return None if value is None else hashlib.sha256(value.encode()).hexdigest()


def prepare_manifest(file: Path, *, home: Path) -> None:
    """Make the object while there is nothing else to do; whether it fits is looked at when it is asked for.

    It takes dbt half a second that a run would wait for. Needs dbt; says nothing where it cannot be made.
    """
    with suppress(Exception):
        document = _read(file, home)
        _READY[file] = document["metadata"], to_manifest(document)


def load_manifest(
    file: Path, *, target: TargetArtifact, home: Path, environ: Mapping[str, str], dbt_version: str
) -> Any | None:
    """dbt's ``Manifest``; None where there is none that fits: it was made for something else, or depends on when.

    Needs dbt.
    """
    if not known_before_start(target):
        return None
    metadata, ready = _READY.pop(file, (None, None))
    document: dict[str, Any] = {}
    if metadata is None:
        try:
            document = _read(file, home)
        except OSError:
            return None
        metadata = document["metadata"]
    known = metadata.get("env", {}).get(ENVIRONMENT)
    if metadata.get("dbt_version") != dbt_version or metadata.get("adapter_type") != target.adapter or known is None:
        return None
    if CLOCK in metadata["env"]:
        return None
    if any(fingerprint(environ.get(name)) != value for name, value in json.loads(known).items()):
        return None
    return to_manifest(document) if ready is None else ready


def _read(file: Path, home: Path) -> dict[str, Any]:
    text = file.read_text(encoding="utf-8")
    if str(home) != HOME:
        text = text.replace(f"{HOME}/", f"{json.dumps(str(home))[1:-1]}/")
    document: dict[str, Any] = json.loads(text)
    return document


def to_manifest(document: dict[str, Any]) -> Any:
    """manifest.json as dbt's ``Manifest``; ``document`` is used up. Needs dbt.

    As dbt's own reader, but for three things: that takes each test for a singular one, since it tries the classes of
    nodes in turn; leaves a microbatch model's ``begin`` a text, which dbt then cannot run; and makes each node twice.
    """
    from dbt.artifacts.schemas.manifest import WritableManifest
    from dbt.contracts.graph import nodes
    from dbt.contracts.graph.manifest import Manifest

    kinds = {
        "model": nodes.ModelNode,
        "seed": nodes.SeedNode,
        "snapshot": nodes.SnapshotNode,
        "analysis": nodes.AnalysisNode,
        "operation": nodes.HookNode,
        "sql_operation": nodes.SqlNode,
    }
    found = {}
    for unique_id, node in document.pop("nodes").items():
        test = nodes.GenericTestNode if "test_metadata" in node else nodes.SingularTestNode
        found[unique_id] = kinds.get(node["resource_type"], test).from_dict(node)
        if isinstance((node.get("config") or {}).get("begin"), str):
            found[unique_id].config.begin = datetime.fromisoformat(node["config"]["begin"])
    macros = {unique_id: nodes.Macro.from_dict(macro) for unique_id, macro in document.pop("macros").items()}
    rest = WritableManifest.from_dict({**document, "nodes": {}, "macros": {}, "disabled": {}})
    manifest = Manifest.from_writable_manifest(rest)
    manifest.nodes, manifest.macros = found, macros
    return manifest
