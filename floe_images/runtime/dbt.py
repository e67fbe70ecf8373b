"""The role ``dbt``: makes profile and environment, then runs dbt in this process."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from floe_images.artifacts.model import CompiledArtifacts, TargetArtifact
from floe_images.errors import DiskError, ProjectError, UsageError
from floe_images.runtime.limits import memory_limit
from floe_images.runtime.places import Places, read_artifacts
from floe_images.runtime.profile import PROFILE, make_profile

_OURS = ("--profiles-dir", "--profile")
_VERSION = (["--version"], ["-v"], ["-V"])


def run_dbt(arguments: Sequence[str]) -> int:
    """dbt's exit code: 0 success, 1 a model or test failed, 2 dbt could not run."""
    if list(arguments) in _VERSION:
        print(versions())  # noqa: T201
        return 0
    places = Places.of(os.environ)
    artifacts = read_artifacts(places)
    target = choose_target(artifacts, arguments, os.environ.get("FLOE_TARGET", ""))
    project = _project(artifacts, places)
    profile = make_profile(artifacts, target, places=places, environ=os.environ, memory=memory_limit())
    folder = _profiles_folder(places)
    try:
        (folder / "profiles.yml").write_text(json.dumps(profile.document), encoding="utf-8")  # JSON is YAML
        os.environ.update(environment(places, project=project, profiles=folder, target=target.name))
        os.environ.update(profile.secrets)
        signal.signal(signal.SIGTERM, _interrupt)
        return _invoke(arguments)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def environment(places: Places, *, project: Path, profiles: Path, target: str) -> dict[str, str]:
    """What dbt and the project's macros read, without secrets. Telemetry is off whatever the container was given."""
    scratch = places.scratch / "dbt"
    return {
        "DBT_PROJECT_DIR": str(project),
        "DBT_PROFILES_DIR": str(profiles),
        "DBT_PROFILE": PROFILE,
        "DBT_TARGET": target,
        "DBT_TARGET_PATH": os.environ.get("DBT_TARGET_PATH") or str(scratch / "target"),
        "DBT_LOG_PATH": os.environ.get("DBT_LOG_PATH") or str(scratch / "logs"),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DO_NOT_TRACK": "1",
        "FLOE_DATA_DIR": str(places.home / "data"),
        **({} if sys.stdout.isatty() or os.environ.get("DBT_USE_COLORS") else {"DBT_USE_COLORS": "false"}),
    }


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


def versions() -> str:
    """What ``dbt --version`` prints, without asking a public index for newer ones (dbt has no switch for that)."""
    from importlib.metadata import distributions, version

    adapters = []
    for distribution in distributions():
        prefix, _, name = (distribution.metadata["Name"] or "").lower().partition("-")
        if prefix == "dbt" and Path(str(distribution.locate_file(f"dbt/adapters/{name}/__version__.py"))).is_file():
            adapters.append(f"  - {name}: {distribution.version}")
    return "\n".join(["Core:", f"  - installed: {version('dbt-core')}", "", "Plugins:", *sorted(adapters)])


def _project(artifacts: CompiledArtifacts, places: Places) -> Path:
    if not artifacts.transforms:
        raise ProjectError("floe.yaml names no dbt project", hint="add one to transforms")
    if len(artifacts.transforms) > 1 and not os.environ.get("DBT_PROJECT_DIR"):
        named = ", ".join(transform.path for transform in artifacts.transforms)
        raise UsageError(f"there are several dbt projects: {named}", hint="DBT_PROJECT_DIR chooses one")
    project = Path(os.environ.get("DBT_PROJECT_DIR") or places.home / artifacts.transforms[0].path)
    if not (project / "dbt_project.yml").is_file():
        raise ProjectError("no dbt_project.yml is there", where=str(project))
    if (project / "profiles.yml").exists():
        print(  # noqa: T201
            f"floe-runtime: {project / 'profiles.yml'} is not read: the profile comes from floe.yaml", file=sys.stderr
        )
    return project


def _profiles_folder(places: Places) -> Path:
    try:
        return Path(tempfile.mkdtemp(prefix="floe-profile-", dir=places.scratch))
    except OSError as fault:
        raise DiskError(f"cannot be written: {fault.strerror}", where=str(places.scratch)) from None


def _invoke(arguments: Sequence[str]) -> int:
    try:
        from dbt.cli.main import cli
    except ImportError as fault:
        raise ProjectError(f"dbt cannot be imported: {fault}", hint="adapters in floe.yaml bring dbt") from None
    try:
        cli.main(args=list(arguments), prog_name="floe-runtime dbt")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    """dbt cancels its queries and closes its connections on this; a bare SIGTERM would end it in the middle."""
    raise KeyboardInterrupt
