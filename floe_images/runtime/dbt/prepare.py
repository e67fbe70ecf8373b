"""What dbt needs before it starts, for the worker and for the role: project, adapter, profile on disk, environment."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import distributions
from pathlib import Path

from floe_images.artifacts.model import CompiledArtifacts
from floe_images.errors import ProjectError, UsageError, disk_error
from floe_images.runtime.places import Places
from floe_images.runtime.profile import PROFILE

KNOWN_ADAPTERS = ("duckdb", "postgres", "snowflake", "bigquery", "redshift", "databricks")

_WORK = "floe-dbt-"  # and the process' number
_STALE = 600  # seconds

# Telemetry and asking for news are off whatever the container was given; set before anything of dbt's is imported.
QUIET = {
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    "DO_NOT_TRACK": "1",
    # Snowflake's driver: https://docs.snowflake.com/en/developer-guide/python-connector/python-connector-release-notes
    "SNOWFLAKE_DISABLE_MINICORE": "true",
    "SF_TELEMETRY_DISABLE_CONNECTION_SHAPE": "true",
}


def find_project(artifacts: CompiledArtifacts, places: Places, transform: str) -> Path:
    """The folder of the dbt project ``transform`` (its path in the artifacts). Raise UsageError, ProjectError."""
    known = [each.path for each in artifacts.transforms]
    if transform not in known:
        raise UsageError(f"no dbt project {transform!r} in floe.yaml", hint=f"there is: {', '.join(known) or 'none'}")
    project = places.home / transform
    if not (project / "dbt_project.yml").is_file():
        raise ProjectError("no dbt_project.yml is there", where=str(project))
    return project


def refuse_cloud(project: Path, environ: Mapping[str, str]) -> None:
    """Raise ProjectError where the project or the environment is set up for dbt Cloud."""
    file = project / "dbt_project.yml"
    hint = "floe runs dbt-core: take dbt Cloud's settings out, floe.yaml's targets take their place"
    for number, line in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        if re.match(r"""['"]?dbt-cloud['"]?\s*:""", line):
            raise ProjectError("dbt Cloud is not used here, but the project has settings for it",
                               where=f"{file}:{number}", hint=hint)  # fmt: skip
    found = sorted(name for name in environ if name.startswith("DBT_CLOUD_"))
    if found:
        raise ProjectError(f"dbt Cloud is not used here, but the environment sets {', '.join(found)}", hint=hint)


def require_adapter(adapter: str) -> None:
    """Raise ProjectError where dbt's adapter is none of floe.yaml's, or is not installed in this environment."""
    if adapter not in KNOWN_ADAPTERS:
        raise ProjectError(
            f"floe cannot make a dbt profile for the adapter {adapter}, installed or not",
            hint=f"floe.yaml's targets are on {', '.join(KNOWN_ADAPTERS)}; others run with dbt alone",
        )
    if not adapter_installed(adapter):
        raise ProjectError(
            f"the dbt adapter {adapter} is not installed here",
            hint=f"add {adapter} to adapters in floe.yaml, then run floe lock and floe build",
        )


def adapter_installed(adapter: str) -> bool:
    """Looks, and imports nothing: importing an adapter takes seconds."""
    from importlib.util import find_spec

    try:
        return find_spec(f"dbt.adapters.{adapter}") is not None
    except ImportError:
        return False


def ignored_profiles(project: Path, environ: Mapping[str, str]) -> Iterator[str]:
    """One line for each profiles.yml that dbt would read and floe does not."""
    home = environ.get("HOME")
    folders = [project, *([Path(home) / ".dbt"] if home else [])]
    if environ.get("DBT_PROFILES_DIR"):
        folders.append(Path(environ["DBT_PROFILES_DIR"]))
    for file in dict.fromkeys(folder / "profiles.yml" for folder in folders):
        if file.exists():
            yield f"{file} is not read: the profile comes from floe.yaml"


@contextmanager
def work_folder(places: Places, document: Mapping[str, object]) -> Iterator[Path]:
    """A folder of this invocation's own with profiles.yml in it, gone at the end. Raise DiskError, DiskFullError."""
    _sweep(places.scratch)
    try:
        folder = Path(tempfile.mkdtemp(prefix=f"{_WORK}{os.getpid()}-", dir=places.scratch))
    except OSError as fault:
        raise disk_error(fault, str(places.scratch)) from None
    try:
        try:
            (folder / "profiles.yml").write_text(json.dumps(document), encoding="utf-8")  # JSON is YAML
        except OSError as fault:
            raise disk_error(fault, str(folder)) from None
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sweep(scratch: Path) -> None:
    """Remove the folders of killed invocations. Scratch may be shared with other machines: not what is new there."""
    oldest = time.time() - _STALE
    for folder in scratch.glob(f"{_WORK}*-*"):
        pid = folder.name.removeprefix(_WORK).partition("-")[0]
        with contextlib.suppress(OSError):
            if pid.isdecimal() and not _alive(int(pid)) and folder.stat().st_mtime < oldest:
                shutil.rmtree(folder, ignore_errors=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        pass
    return True


def environment(places: Places, *, project: Path, profiles: Path, target: str) -> dict[str, str]:
    """What dbt and the project's macros read, without secrets."""
    return {
        "DBT_PROJECT_DIR": str(project),
        "DBT_PROFILES_DIR": str(profiles),
        "DBT_PROFILE": PROFILE,
        "DBT_TARGET": target,
        "DBT_TARGET_PATH": os.environ.get("DBT_TARGET_PATH") or str(places.scratch / "dbt" / "target"),
        "DBT_LOG_PATH": os.environ.get("DBT_LOG_PATH") or str(places.scratch / "dbt" / "logs"),
        **QUIET,
        "FLOE_DATA_DIR": str(places.home / "data"),
    }


def versions() -> str:
    """What ``dbt --version`` prints, without asking a public index for newer ones (dbt has no switch for that)."""
    from importlib.metadata import version

    adapters = []
    for distribution in distributions():
        prefix, _, name = (distribution.metadata["Name"] or "").lower().partition("-")
        if prefix == "dbt" and Path(str(distribution.locate_file(f"dbt/adapters/{name}/__version__.py"))).is_file():
            adapters.append(f"  - {name}: {distribution.version}")
    return "\n".join(["Core:", f"  - installed: {version('dbt-core')}", "", "Plugins:", *sorted(adapters)])
