"""The role ``check``: is this container able to do its work? The health check, and the first thing to ask when not."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from floe_images.artifacts.model import CompiledArtifacts, DuckDBArtifact
from floe_images.errors import FloeError
from floe_images.runtime.limits import memory_limit
from floe_images.runtime.places import Places, read_artifacts
from floe_images.runtime.profile import make_profile


def check(*, quick: bool, environ: Mapping[str, str]) -> tuple[bool, str]:
    """Whether all is well, and one line that says so or names every fault.

    ``quick`` is for a health check: artifacts, projects, data files and writable places only; nothing big is imported.
    """
    places = Places.of(environ)
    try:
        artifacts = read_artifacts(places)
    except FloeError as fault:
        return False, f"not able to work: {fault}"
    faults = [*_places(artifacts, places)]
    if not quick:
        faults += [*_secrets(artifacts, places, environ), *_adapters(artifacts)]
        if artifacts.duckdb:
            faults += _duckdb(artifacts.duckdb, places)
    if faults:
        return False, "not able to work: " + "; ".join(faults)
    what = f"{artifacts.name}, target {artifacts.default_target}"
    if quick:
        return True, f"ok: {what}"
    extensions = f", DuckDB extensions {' '.join(artifacts.duckdb.extensions)}" if artifacts.duckdb else ""
    return True, f"ok: {what}, adapters {' '.join(artifacts.adapters)}{extensions}"


def _places(artifacts: CompiledArtifacts, places: Places) -> Iterator[str]:
    for transform in artifacts.transforms:
        if not (places.home / transform.path / "dbt_project.yml").is_file():
            yield f"no dbt project in {places.home / transform.path}"
    for data in artifacts.data:
        if not (places.home / data.path).is_file():
            yield f"no data file {places.home / data.path}"
    for folder in (places.state, places.scratch):
        fault = _unwritable(folder)
        if fault:
            yield f"{folder} cannot be written: {fault}"


def _unwritable(folder: Path) -> str | None:
    """Really writes: permissions alone say nothing of a read-only mount or a full disk."""
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".floe-check-") as file:
            file.write(b"floe")
            file.flush()
    except OSError as fault:
        return fault.strerror
    return None


def _secrets(artifacts: CompiledArtifacts, places: Places, environ: Mapping[str, str]) -> Iterator[str]:
    name = environ.get("FLOE_TARGET") or artifacts.default_target
    target = artifacts.target(name)
    if target is None:
        yield f"no target {name!r} in floe.yaml"
        return
    try:
        make_profile(artifacts, target, places=places, environ=environ, memory=memory_limit())
    except FloeError as fault:
        yield str(fault)


def _adapters(artifacts: CompiledArtifacts) -> Iterator[str]:
    from importlib import import_module

    # Adapters register themselves with dbt's factory on import; telemetry must be off before dbt is imported.
    os.environ.update({"DO_NOT_TRACK": "1", "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"})
    for adapter in artifacts.adapters:
        try:
            import_module(f"dbt.adapters.{adapter}")
        except Exception as fault:
            yield f"the adapter {adapter} cannot be imported: {fault}"


def _duckdb(wanted: DuckDBArtifact, places: Places) -> Iterator[str]:
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
