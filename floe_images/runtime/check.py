"""The role ``check``: is this container able to do its work? The health check, and the first thing to ask when not."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from floe_images.artifacts.model import CompiledArtifacts, DuckDBArtifact
from floe_images.artifacts.secrets import look_up, needed
from floe_images.errors import FloeError
from floe_images.runtime.places import Places, read_artifacts
from floe_images.runtime.roles.health import ask, read_notes


def check(*, quick: bool, environ: Mapping[str, str]) -> tuple[bool, str]:
    """Whether all is well, and one line that says so or names every fault.

    ``quick`` is for a health check: artifacts, projects, data files and writable places only, and the servers that run
    in this container are asked whether they serve; nothing big is imported.
    """
    places = Places.of(environ)
    try:
        artifacts = read_artifacts(places)
    except FloeError as fault:
        return False, f"not able to work: {fault}"
    faults, notes = [*place_faults(artifacts, places)], [""]
    servers = read_notes(places.scratch) if quick else ()
    if quick:
        faults += ask(servers)
    else:
        faults += [*secret_faults(artifacts, places, environ), *adapter_faults(artifacts)]
        notes += [f"warning: {text}" for _, text in telemetry_notes(artifacts, places, environ)]
        if artifacts.duckdb:
            faults += duckdb_faults(artifacts.duckdb, places)
    if faults:
        return False, "not able to work: " + "; ".join(faults)
    what = f"{artifacts.name}, target {artifacts.default_target}"
    if quick:
        return True, f"ok: {', '.join([what, *(f'{note.role} serves' for note in servers)])}"
    extensions = f", DuckDB extensions {' '.join(artifacts.duckdb.extensions)}" if artifacts.duckdb else ""
    return True, f"ok: {what}, adapters {' '.join(artifacts.adapters)}{extensions}{'; '.join(notes)}"


def place_faults(artifacts: CompiledArtifacts, places: Places) -> Iterator[str]:
    for transform in artifacts.transforms:
        if not (places.home / transform.path / "dbt_project.yml").is_file():
            yield f"no dbt project in {places.home / transform.path}"
    for data in artifacts.data:
        if not (places.home / data.path).is_file():
            yield f"no data file {places.home / data.path}"
    for folder in (places.state, places.scratch):
        fault = unwritable(folder)
        if fault:
            yield f"{folder} cannot be written: {fault.strerror}"


def unwritable(folder: Path) -> OSError | None:
    """Why ``folder`` cannot be written, or None.

    Really writes: permissions alone say nothing of a read-only mount or a full disk.
    """
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".floe-check-") as file:
            file.write(b"floe")
            file.flush()
    except OSError as fault:
        return fault
    return None


def secret_faults(artifacts: CompiledArtifacts, places: Places, environ: Mapping[str, str]) -> Iterator[str]:
    from floe_images.runtime.limits import memory_limit
    from floe_images.runtime.profile import make_profile

    name = environ.get("FLOE_TARGET") or artifacts.default_target
    target = artifacts.target(name)
    if target is None:
        yield f"no target {name!r} in floe.yaml"
        return
    try:
        make_profile(artifacts, target, places=places, environ=environ, memory=memory_limit())
    except FloeError as fault:
        yield str(fault)


def telemetry_notes(
    artifacts: CompiledArtifacts, places: Places, environ: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """``traces`` or ``lineage``, and what its endpoint lacks: no fault, since a run goes on and keeps what it tells."""
    for each in needed(artifacts, None):
        if each.required:
            continue
        try:
            look_up(each.reference, setting=each.setting, environ=environ, folder=places.secrets)
        except FloeError as fault:
            yield each.setting.split(".")[1], f"{fault}; what is to be sent waits for it"


def adapter_faults(artifacts: CompiledArtifacts) -> Iterator[str]:
    from importlib import import_module

    # Adapters register themselves with dbt's factory on import; telemetry must be off before dbt is imported.
    os.environ.update({"DO_NOT_TRACK": "1", "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"})
    for adapter in artifacts.adapters:
        try:
            import_module(f"dbt.adapters.{adapter}")
        except Exception as fault:
            yield f"the adapter {adapter} cannot be imported: {fault}"


def duckdb_faults(wanted: DuckDBArtifact, places: Places) -> Iterator[str]:
    try:
        import duckdb
    except ImportError as fault:
        yield f"DuckDB cannot be imported: {fault}"
        return
    if duckdb.__version__ != wanted.version:
        yield f"DuckDB is {duckdb.__version__}, the lock says {wanted.version}"
    connection = duckdb.connect(
        ":memory:",
        config={
            "autoinstall_known_extensions": "false",
            "extension_directory": str(places.home / wanted.directory),
            "home_directory": str(places.scratch),
        },
    )
    with connection:
        for extension in wanted.extensions:
            try:
                connection.load_extension(extension)
            except duckdb.Error as fault:
                yield f"DuckDB's {extension} does not load: {str(fault).splitlines()[0]}"
