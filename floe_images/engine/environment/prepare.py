"""Everything that a run on this machine needs: environment, home, manifests; and the child's command and variables."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from floe_images.engine.environment.home import Home, home_of, lay_out, make_folders, missing_data
from floe_images.engine.environment.make import Environment, make_environment
from floe_images.engine.environment.manifest import make_manifests
from floe_images.engine.fetch.obtain import fetch_files
from floe_images.engine.fetch.request import FileRequest
from floe_images.engine.store import Store, disk_error
from floe_images.lock.model import Lock
from floe_images.progress import Progress

if TYPE_CHECKING:
    from floe_images.engine.fetch.reach import Reach

# What the image sets (plan/config.py), as far as it is not about the container.
_SET = (
    ("DAGSTER_DISABLE_TELEMETRY", "yes"),
    ("DBT_SEND_ANONYMOUS_USAGE_STATS", "false"),
    ("DO_NOT_TRACK", "1"),
    ("GIT_PYTHON_REFRESH", "quiet"),
    ("PYTHONDONTWRITEBYTECODE", "1"),
    ("PYTHONNOUSERSITE", "1"),
    ("PYTHONSAFEPATH", "1"),
    ("PYTHONUNBUFFERED", "1"),
    ("PYTHONUTF8", "1"),
    ("TZ", "UTC"),
)
# Whatever else floe.yaml may refer to by {env: NAME}.
_NOT_PASSED_ON = ("PYTHON", "DAGSTER_", "UV_", "PIP_")
_NAMES_NOT_PASSED_ON = ("VIRTUAL_ENV", "CONDA_PREFIX", "FLOE_ARTIFACTS", "FLOE_TARGET")


@dataclass(frozen=True, kw_only=True)
class Ready:
    """``command`` starts `floe-runtime`, its role is to be added; ``environ`` is its whole environment.

    ``nodes``: how many nodes of dbt's graph a whole run has.
    """

    command: tuple[str, ...]
    environ: Mapping[str, str]
    home: Home
    environment: Environment
    nodes: int


def prepare(
    *,
    base: Path,
    lock: Lock,
    requirements: Sequence[str],
    transforms: Sequence[str],
    target: str,
    rendered: Mapping[str, bytes],
    artifacts: bytes,
    scratch: Path,
    store: Store,
    reach: Callable[[], Reach],
    progress: Progress,
    frozen: bool = False,
    folders: Sequence[Path] = (),
) -> Ready:
    """To be called inside ``store.in_use()``; ``scratch`` is a folder that goes with the run.

    Raises what `make_environment`, `lay_out` and `make_manifests` raise.
    """
    environment = make_environment(
        lock, requirements, reach=reach, store=store, progress=progress, frozen=frozen, folders=folders
    )
    home = home_of(base)
    lay_out(
        home,
        base=base,
        transforms=transforms,
        rendered=rendered,
        lock=lock,
        environment=environment,
        downloads=_data_files(home, lock, store, reach, progress, frozen, folders),
    )
    environ = child_environ(environment, home, scratch)
    nodes = make_manifests(
        target,
        home=home,
        base=base,
        transforms=transforms,
        artifacts=artifacts,
        epoch=lock.snapshot.time,
        environment=environment,
        environ=environ,
        progress=progress,
    )
    command = (str(environment.python), "-m", "floe_images.runtime.main")
    return Ready(command=command, environ=environ, home=home, environment=environment, nodes=nodes)


def prepare_errand(
    *,
    base: Path,
    lock: Lock,
    requirements: Sequence[str],
    artifacts: bytes,
    scratch: Path,
    store: Store,
    reach: Callable[[], Reach],
    progress: Progress,
    frozen: bool = False,
    folders: Sequence[Path] = (),
) -> tuple[tuple[str, ...], Mapping[str, str]]:
    """`prepare` for a role that needs artifacts, secrets and state, and no dbt project: its command and variables."""
    environment = make_environment(
        lock, requirements, reach=reach, store=store, progress=progress, frozen=frozen, folders=folders
    )
    home = home_of(base)
    file = scratch / "artifacts.json"
    try:
        make_folders(home)
        file.write_bytes(artifacts)
    except OSError as error:
        raise disk_error(error, str(error.filename or home.home)) from error
    environ = {**child_environ(environment, home, scratch), "FLOE_ARTIFACTS": str(file)}
    return (str(environment.python), "-m", "floe_images.runtime.main"), environ


def child_environ(
    environment: Environment, home: Home, scratch: Path, environ: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """The variables of ``environ`` that are not about another Python, and those that the runtime reads."""
    kept = {
        name: value
        for name, value in environ.items()
        if not name.startswith(_NOT_PASSED_ON) and name not in _NAMES_NOT_PASSED_ON
    }
    own = {
        "DBT_LOG_PATH": str(scratch / "dbt" / "logs"),
        "DBT_TARGET_PATH": str(scratch / "dbt" / "target"),
        "DAGSTER_HOME": str(home.home / "dagster"),
        "FLOE_HOME": str(home.home),
        "FLOE_LOG": "json",
        "FLOE_SECRETS_DIR": str(home.secrets),
        "FLOE_STATE_DIR": str(home.state),
        "PYTHONPATH": str(environment.runtime),
        **dict.fromkeys(("TMPDIR", "TMP", "TEMP"), str(scratch)),
    }
    return {**kept, **dict(_SET), **own}


def _data_files(
    home: Home,
    lock: Lock,
    store: Store,
    reach: Callable[[], Reach],
    progress: Progress,
    frozen: bool,
    folders: Sequence[Path],
) -> Mapping[str, Path]:
    requests = [FileRequest(file=data.file, project=data.package) for data in missing_data(home, lock)]
    return fetch_files(requests, lock, store=store, reach=reach, progress=progress, frozen=frozen, folders=folders)
