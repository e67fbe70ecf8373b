"""``floe run --in-container``: the same run in the image itself, hardened, on the engine that answers."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from floe_images.artifacts.model import CompiledArtifacts
from floe_images.artifacts.secrets import find, look_up, needed
from floe_images.engine.docker.connect import connect
from floe_images.engine.docker.run import RunRequest
from floe_images.engine.docker.running import Container
from floe_images.engine.docker.secrets import secret_files
from floe_images.engine.docker.tidy import make_volume, remove_orphans
from floe_images.engine.environment.home import home_of
from floe_images.engine.running import Running
from floe_images.lock.model import Lock
from floe_images.plan.base_files import GID, UID
from floe_images.plan.places import STATE, volume_name
from floe_images.progress import Console
from floe_images.project.load import image_in_engine
from floe_images.render.artifacts import compile_artifacts
from floe_images.site.restoring import check_whole
from floe_images.spec.load import Loaded

_SECRETS = "/run/secrets"


def run_in_container(
    loaded: Loaded,
    lock: Lock,
    target: str,
    arguments: Sequence[str],
    console: Console,
    *,
    frozen: bool,
    folders: Sequence[Path],
    follow: Callable[[Running], None],
) -> None:
    """Raises ProjectError for a secret that is not there, EngineError, and what building the image raises."""
    artifacts = compile_artifacts(loaded.spec, lock)
    values = _values(artifacts, target, home_of(loaded.base).secrets, os.environ)
    network = "bridge" if _reaches_out(artifacts, target) else "none"
    volume = volume_name(loaded.spec.name, "state")
    with connect() as engine:
        image = image_in_engine(loaded, lock, engine, frozen=frozen, folders=folders, progress=console)
        remove_orphans(engine)
        check_whole(engine, loaded.spec.name)
        make_volume(engine, volume)
        with secret_files(values, address=str(engine.client.api.base_url), progress=console) as secrets:
            console.note(
                f"running {image.reference}: user {UID}:{GID}, read-only, no capabilities; network {network}, state in "
                f"the volume {volume}"
            )
            console.phase("run")
            request = RunRequest(
                image=image.id,
                command=tuple(arguments),
                env=(("FLOE_LOG", "json"),),
                volumes=((volume, f"/{STATE}"),),
                mounts=((str(secrets), _SECRETS),) if secrets else (),
                network=network,
                user=f"{UID}:{GID}",
            )
            follow(Container(engine, request))


def _values(artifacts: CompiledArtifacts, target: str, folder: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Name → text of the file, for everything that a run on ``target`` looks up. Raises ProjectError."""
    values = {}
    for each in needed(artifacts, target):
        ask = look_up if each.required else find
        value = ask(each.reference, setting=each.setting, environ=environ, folder=folder)
        if value:
            values[each.reference.name] = f"{value}\n"  # whoever reads it takes one line break away
    return values


def _reaches_out(artifacts: CompiledArtifacts, target: str) -> bool:
    """Whether anything that floe.yaml names for this run lies outside of the container."""
    chosen = artifacts.target(target)
    seen = artifacts.observability
    return (
        chosen is None
        or chosen.adapter != "duckdb"
        or artifacts.orchestration.metadata.get("type") != "sqlite"
        or any(each is not None and each.get("type") not in ("file", "console") for each in (seen.traces, seen.lineage))
    )
