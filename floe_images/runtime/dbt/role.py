"""The role ``dbt``: makes profile and environment, then runs dbt in this process."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

from floe_images.artifacts.model import CompiledArtifacts, TargetArtifact
from floe_images.errors import ProjectError, UsageError
from floe_images.runtime.dbt.drivers import settle
from floe_images.runtime.dbt.duckdb_wait import be_patient, database, waiting_seconds
from floe_images.runtime.dbt.load import asked, load
from floe_images.runtime.dbt.lock import WriterLock
from floe_images.runtime.dbt.prepare import (
    QUIET,
    environment,
    find_project,
    ignored_profiles,
    refuse_cloud,
    require_adapter,
    versions,
    work_folder,
)
from floe_images.runtime.limits import memory_limit
from floe_images.runtime.manifests import manifest_path, read_manifest
from floe_images.runtime.places import Places, read_artifacts
from floe_images.runtime.profile import make_profile

_OURS = ("--profiles-dir", "--profile")
_VERSION = (["--version"], ["-v"], ["-V"])
_CONNECTS_NOT = {"parse", "ls", "list", "deps", "clean", "init", "docs", "--help", "-h"}


def run_dbt(arguments: Sequence[str]) -> int:
    """dbt's exit code: 0 success, 1 a model or test failed, 2 dbt could not run."""
    if list(arguments) in _VERSION:
        print(versions())  # noqa: T201
        return 0
    os.environ.update(QUIET)
    places = Places.of(os.environ)
    artifacts = read_artifacts(places)
    target = choose_target(artifacts, arguments, os.environ.get("FLOE_TARGET", ""))
    project = _project(artifacts, places)
    refuse_cloud(project, os.environ)
    for line in ignored_profiles(project, os.environ):
        _say(line)
    require_adapter(target.adapter)
    profile = make_profile(artifacts, target, places=places, environ=os.environ, memory=memory_limit())
    signal.signal(signal.SIGTERM, _interrupt)
    with ExitStack() as stack:
        folder = stack.enter_context(work_folder(places, profile.document))
        os.environ.update(environment(places, project=project, profiles=folder, target=target.name))
        if not sys.stdout.isatty():
            os.environ.setdefault("DBT_USE_COLORS", "false")
        cli = _import()
        settle(profile)
        if target.adapter == "duckdb" and not set(arguments) & _CONNECTS_NOT:
            file = database(profile.document, target.name)
            if file:
                name = next((each for each in arguments if not each.startswith("-")), "dbt")
                stack.enter_context(WriterLock(file, run=f"dbt {name}")).acquire(_say)
                be_patient(seconds=waiting_seconds(os.environ), say=_say)
        if target.adapter == "postgres" and not set(arguments) & _CONNECTS_NOT:
            transform = project.relative_to(places.home).as_posix() if project.is_relative_to(places.home) else ""
            if manifest_path(places.home, target.name, transform).is_file():
                wanted = asked(read_manifest(places.home, target.name, transform)["sources"].values())
                if wanted:
                    load(wanted, profile.document, data=places.home / "data", say=_say)
        return _invoke(cli, arguments)


def choose_target(artifacts: CompiledArtifacts, arguments: Sequence[str], wanted: str) -> TargetArtifact:
    """The target of ``--target`` among dbt's arguments, else ``wanted``, else the default. Raise UsageError."""
    name = wanted or artifacts.default_target
    for index, argument in enumerate(arguments):
        if argument.split("=")[0] in _OURS:
            raise UsageError(
                f"{argument.split('=')[0]} cannot be given: the profile comes from floe.yaml",
                hint="--target chooses one of its targets",
            )
        if argument in ("--target", "-t"):
            name = arguments[index + 1] if index + 1 < len(arguments) else ""
        elif argument.startswith("--target="):
            name = argument.removeprefix("--target=")
    target = artifacts.target(name)
    if target is None:
        known = ", ".join(target.name for target in artifacts.targets)
        raise UsageError(f"no target {name!r} in floe.yaml", hint=f"the targets are: {known}")
    return target


def _project(artifacts: CompiledArtifacts, places: Places) -> Path:
    """DBT_PROJECT_DIR's project, else floe.yaml's only one."""
    if not artifacts.transforms:
        raise ProjectError("floe.yaml names no dbt project", hint="add one to transforms")
    chosen = os.environ.get("DBT_PROJECT_DIR")
    if len(artifacts.transforms) > 1 and not chosen:
        named = ", ".join(transform.path for transform in artifacts.transforms)
        raise UsageError(f"there are several dbt projects: {named}", hint="DBT_PROJECT_DIR chooses one")
    if not chosen:
        return find_project(artifacts, places, artifacts.transforms[0].path)
    if not (Path(chosen) / "dbt_project.yml").is_file():
        raise ProjectError("no dbt_project.yml is there", where=chosen)
    return Path(chosen)


def _import() -> object:
    try:
        from dbt.cli.main import cli
    except ImportError as fault:
        raise ProjectError(f"dbt cannot be imported: {fault}", hint="adapters in floe.yaml bring dbt") from None
    return cli


def _invoke(cli: object, arguments: Sequence[str]) -> int:
    try:
        cli.main(args=list(arguments), prog_name="floe-runtime dbt")  # type: ignore[attr-defined]
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def _say(line: str) -> None:
    print(f"floe-runtime: {line}", file=sys.stderr)  # noqa: T201


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    """dbt cancels its queries and closes its connections on this; a bare SIGTERM would end it in the middle."""
    raise KeyboardInterrupt
