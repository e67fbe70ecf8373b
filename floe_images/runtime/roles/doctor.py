"""The role ``doctor``: everything that could be wrong in this container, one line each, all of them looked at."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from floe_images.artifacts.model import CompiledArtifacts, Reference, Setting, Settings, TargetArtifact
from floe_images.errors import FloeError
from floe_images.runtime import check, log
from floe_images.runtime.limits import duckdb_memory, memory_limit
from floe_images.runtime.manifests import read_manifest
from floe_images.runtime.metadata import connect_postgres, dagster_environment
from floe_images.runtime.places import Places, read_artifacts
from floe_images.runtime.roles.arguments import Arguments
from floe_images.runtime.roles.health import ask, read_notes

_WAIT = 3.0  # seconds for an endpoint


@dataclass(frozen=True, kw_only=True)
class Finding:
    """``note`` is worth knowing and no fault."""

    status: Literal["ok", "note", "fault"]
    what: str
    text: str


def run(arguments: Sequence[str]) -> int:
    """0 where there is no fault, else 1. Lines on stdout: status, what, text."""
    parser = Arguments("doctor")
    parser.add_argument("--ask", action="store_true", help="connect to the endpoints that floe.yaml names")
    options = parser.parse_args(arguments)
    code = 0
    for finding in look(os.environ, asking=options.ask):
        sys.stdout.write(f"{finding.status:5}  {finding.what:10}  {log.one_line(finding.text)}\n")
        code = 1 if finding.status == "fault" else code
    return code


def look(environ: Mapping[str, str], *, asking: bool) -> Iterator[Finding]:
    """Every finding, as it is made."""
    places = Places.of(environ)
    try:
        artifacts = read_artifacts(places)
    except FloeError as fault:
        yield Finding(status="fault", what="artifacts", text=str(fault))
        return
    names = ", ".join(target.name for target in artifacts.targets)
    yield Finding(
        status="ok", what="artifacts", text=f"{artifacts.name}; targets {names}; {artifacts.default_target} by default"
    )
    yield from _faults_or("places", check.place_faults(artifacts, places), _space(places))
    yield from _targets(artifacts, places, environ)
    yield from _faults_or("adapters", check.adapter_faults(artifacts), " ".join(artifacts.adapters))
    if artifacts.duckdb:
        extensions = " ".join(artifacts.duckdb.extensions) or "no extensions"
        yield from _faults_or(
            "duckdb", check.duckdb_faults(artifacts.duckdb, places), f"{artifacts.duckdb.version}; {extensions}"
        )
    yield _memory(artifacts, environ)
    yield _metadata(artifacts, places, environ)
    yield from _endpoints(artifacts, asking=asking)
    for what, text in check.telemetry_notes(artifacts, places, environ):
        yield Finding(status="note", what=what, text=text)
    servers = read_notes(places.scratch)
    if servers:
        yield from _faults_or("servers", ask(servers), ", ".join(f"{note.role} serves" for note in servers))


def _faults_or(what: str, faults: Iterator[str], well: str) -> Iterator[Finding]:
    found = [Finding(status="fault", what=what, text=fault) for fault in faults]
    yield from found or [Finding(status="ok", what=what, text=well)]


def _space(places: Places) -> str:
    parts = []
    for folder in (places.state, places.scratch):
        if folder.exists():
            parts.append(f"{folder} is writable, {shutil.disk_usage(folder).free / 1e9:.1f} GB are free")
    return "; ".join(parts)


def _chosen(artifacts: CompiledArtifacts, environ: Mapping[str, str]) -> str:
    return environ.get("FLOE_TARGET") or artifacts.default_target


def _targets(artifacts: CompiledArtifacts, places: Places, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Secrets and manifests. What a target lacks that is not chosen here is worth a note."""
    from floe_images.runtime.profile import make_profile

    chosen = _chosen(artifacts, environ)
    if artifacts.target(chosen) is None:
        yield Finding(status="fault", what="target", text=f"no target {chosen!r} in floe.yaml")
    for target in artifacts.targets:
        bad: Literal["note", "fault"] = "fault" if target.name == chosen else "note"
        needed = sorted({reference.name for reference in _references(target.settings)})
        try:
            make_profile(artifacts, target, places=places, environ=environ, memory=memory_limit())
        except FloeError as fault:
            yield Finding(status=bad, what="secrets", text=f"{target.name}: {fault}")
        else:
            yield Finding(status="ok", what="secrets", text=f"{target.name}: {', '.join(needed) or 'none needed'}")
        for transform in artifacts.transforms:
            try:
                yield _manifest(
                    read_manifest(places.home, target.name, transform.path), target, transform.path, artifacts
                )
            except FloeError as fault:
                yield Finding(status=bad, what="manifest", text=str(fault))


def _manifest(
    document: Mapping[str, object], target: TargetArtifact, transform: str, artifacts: CompiledArtifacts
) -> Finding:
    metadata, nodes = document.get("metadata"), document["nodes"]
    assert isinstance(metadata, dict)
    assert isinstance(nodes, dict)
    made = (metadata.get("dbt_version"), metadata.get("adapter_type"))
    wanted = (artifacts.versions.get("dbt-core") or made[0], target.adapter)
    where = f"{target.name}, {transform}"
    if made != wanted:
        return Finding(
            status="note",
            what="manifest",
            text=f"{where}: made by dbt {made[0]} for {made[1]}, here is {wanted[0]} for {wanted[1]}: each run parses",
        )
    models = sum(name.startswith("model.") for name in nodes)
    tests = sum(name.startswith(("test.", "unit_test.")) for name in nodes)
    return Finding(status="ok", what="manifest", text=f"{where}: {models} models, {tests} tests, dbt {made[0]}")


def _references(settings: Setting) -> Iterator[Reference]:
    if isinstance(settings, Reference):
        yield settings
    elif isinstance(settings, Settings):
        for _, value in settings.items:
            yield from _references(value)
    elif isinstance(settings, tuple):
        for value in settings:
            yield from _references(value)


def _memory(artifacts: CompiledArtifacts, environ: Mapping[str, str]) -> Finding:
    limit = memory_limit()
    said = "no limit" if limit is None else f"{limit / 1e9:.1f} GB"
    target = artifacts.target(_chosen(artifacts, environ))
    if target is None or target.adapter != "duckdb":
        return Finding(status="ok", what="memory", text=said)
    gets = "what floe.yaml says" if target.settings.get("memory_limit") else duckdb_memory(limit, None)
    gets = f"{int(gets[:-1]) / 1e9:.1f} GB" if gets and gets[:-1].isdigit() else gets or "80 % of the machine's"
    # dbt, Dagster and a run take some 600 MB beside DuckDB.
    status: Literal["ok", "note"] = "note" if limit is not None and limit < 1_000_000_000 else "ok"
    return Finding(status=status, what="memory", text=f"{said}; DuckDB gets {gets}")


def _metadata(artifacts: CompiledArtifacts, places: Places, environ: Mapping[str, str]) -> Finding:
    try:
        ours = dagster_environment(artifacts, places, environ)
        connection = connect_postgres(ours, patience=0)
    except FloeError as fault:
        return Finding(status="fault", what="metadata", text=str(fault))
    if connection is None:
        return Finding(status="ok", what="metadata", text=f"SQLite under {places.state}")
    connection.close()
    return Finding(status="ok", what="metadata", text="Postgres lets us in")


def _endpoints(artifacts: CompiledArtifacts, *, asking: bool) -> Iterator[Finding]:
    named = (
        ("traces", artifacts.observability.traces, "endpoint"),
        ("lineage", artifacts.observability.lineage, "url"),
    )
    for what, settings, key in named:
        address = settings.get(key) if settings is not None else None
        if not isinstance(address, str):
            yield Finding(status="ok", what=what, text="off" if settings is None else f"{settings.get('type')}")
            continue
        parts = urlsplit(address)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        where = f"{parts.hostname}:{port}"
        if not asking:
            yield Finding(status="ok", what=what, text=f"{where}, not asked")
            continue
        try:
            socket.create_connection((parts.hostname or "", port), timeout=_WAIT).close()
        except OSError as fault:
            # Telemetry cannot hurt a run: what is not delivered waits in the spool.
            text = f"{where} cannot be reached: {fault.strerror or type(fault).__name__}"
            yield Finding(status="note", what=what, text=text)
        else:
            yield Finding(status="ok", what=what, text=f"{where} answers")
