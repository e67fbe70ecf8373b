"""floe's own Polaris held to floe.yaml: the role ``catalog`` in the pipeline's image, on the platform's network.

Polaris is published nowhere unless somebody asks for it, so whoever talks to it does so from inside.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from floe_images.artifacts.model import CompiledArtifacts
from floe_images.artifacts.secrets import find, references
from floe_images.engine.compose import states
from floe_images.engine.docker.connect import Engine
from floe_images.engine.docker.run import RunRequest
from floe_images.engine.docker.running import Container
from floe_images.engine.docker.secrets import secret_files
from floe_images.engine.docker.tidy import make_volume
from floe_images.engine.environment.home import home_of
from floe_images.engine.running import Running
from floe_images.errors import ServiceError
from floe_images.lock.model import Lock
from floe_images.plan.base_files import GID, UID
from floe_images.plan.places import STATE, volume_name
from floe_images.plan.polaris import HOST, catalogs_here, made_there
from floe_images.progress import Progress
from floe_images.render.artifacts import compile_artifacts
from floe_images.render.compose.model import INSIDE
from floe_images.site.changed import note_changed
from floe_images.site.secret_files import write_secret
from floe_images.spec.load import Loaded

_SECRETS = "/run/secrets"


def own_catalogs(loaded: Loaded) -> tuple[str, ...]:
    """The catalogs that floe manages in its own Polaris."""
    if not (loaded.spec.services and loaded.spec.services.polaris):
        return ()
    here = catalogs_here(compile_artifacts(loaded.spec, None))
    return tuple(each.name for each in here if each.settings.get("manage") is not None)


def hold_own_polaris(
    loaded: Loaded,
    lock: Lock,
    engine: Engine,
    *,
    image: str,
    names: Sequence[str],
    arguments: Sequence[str],
    progress: Progress,
    follow: Callable[[Running], int],
) -> int:
    """Run ``catalog`` with ``arguments`` for the catalogs ``names`` in ``image``; the exit code that ``follow`` saw.

    The credentials that Polaris made lie in the project's secrets afterwards. Raises ServiceError where Polaris is not
    up, ProjectError, EngineError, DiskError, DiskFullError.
    """
    project = loaded.spec.name
    if not any(state.service == HOST and state.health == "healthy" for state in states(project)):
        raise ServiceError("Polaris is not up, or not healthy", hint="`floe up` starts the platform")
    artifacts, home = compile_artifacts(loaded.spec, lock), home_of(loaded.base)
    values = _values(artifacts, names, loaded)
    volume = volume_name(project, "state")
    make_volume(engine, volume)
    with secret_files(values, address=str(engine.client.api.base_url), progress=progress) as folder:
        assert folder is not None, "root's credential is one"
        folder.chmod(0o777)  # only this user gets to it, and the container's writes into it
        request = RunRequest(
            image=image,
            command=("catalog", *arguments, *names, "--json", "--readable"),
            env=(("FLOE_LOG", "json"),),
            volumes=((volume, f"/{STATE}"), (str(folder), _SECRETS)),
            network=f"{project}_{INSIDE}",
            user=f"{UID}:{GID}",
        )
        try:
            return follow(Container(engine, request))
        finally:
            for name in sorted(_made(artifacts, names)):
                file = folder / name
                if file.is_file() and (value := file.read_text(encoding="utf-8").strip()) != values.get(name, ""):
                    if (home.secrets / name).exists():  # who reads it has the one that Polaris takes no more
                        note_changed(loaded.base, (name,))
                    write_secret(home.secrets, name, value)


def _values(artifacts: CompiledArtifacts, names: Sequence[str], loaded: Loaded) -> dict[str, str]:
    """Name → value of everything that these catalogs refer to, and that is there."""
    wanted = tuple(f"catalogs.{name}." for name in names)
    found = {}
    for setting, reference in references(artifacts):
        if setting.startswith(wanted):
            value = find(reference, setting=setting, environ={}, folder=home_of(loaded.base).secrets)
            if value:
                found[reference.name] = value
    return found


def _made(artifacts: CompiledArtifacts, names: Sequence[str]) -> set[str]:
    return {secret for each in artifacts.catalogs if each.name in names for secret in made_there(each).values()}
