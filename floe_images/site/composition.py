"""Spec and lock → compose files in ``.floe/compose``, and the project that they make together."""

from __future__ import annotations

import stat
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from floe_images.artifacts.model import CompiledArtifacts, Reference
from floe_images.artifacts.secrets import look_up
from floe_images.engine.compose import ORDER, ComposeProject
from floe_images.engine.environment.home import home_of
from floe_images.engine.write import write_whole
from floe_images.errors import ProjectError, disk_error
from floe_images.image.place import COMPOSE
from floe_images.lock.model import Lock
from floe_images.lock.recipe import recipe
from floe_images.plan.base_files import UID
from floe_images.plan.make import reference
from floe_images.plan.secrets import named_secrets
from floe_images.plan.services import ServicePlan
from floe_images.render.artifacts import compile_artifacts
from floe_images.render.compose.dagster import dagster_file
from floe_images.render.compose.lake import IDENTITIES, ask_lake, lake_identities
from floe_images.render.compose.model import ComposeFile, ComposeService
from floe_images.render.compose.polaris import polaris_database, polaris_files, polaris_service
from floe_images.render.compose.postgres import ask_postgres, postgres_of_image
from floe_images.render.compose.recipes import ServiceAsked, recipe_services
from floe_images.render.compose.write import render_compose, render_order
from floe_images.site.changed import note_changed
from floe_images.site.secret_files import there, write_secret
from floe_images.spec.load import Loaded
from floe_images.spec.model import Spec

WEB_PORT = 3000
_READABLE = 0o644  # a file that is mounted is read by the container's user


def compose_files(
    loaded: Loaded,
    lock: Lock,
    planned: tuple[ServicePlan, ...],
    copied: Mapping[str, str],
    *,
    port: int = WEB_PORT,
) -> tuple[ComposeFile, ...]:
    """What ``floe up`` starts, as values; ``planned`` are the services of the lock that have a recipe, ``copied`` the
    others: service → what the engine calls its image. Raises ProjectError."""
    artifacts = compile_artifacts(loaded.spec, lock)
    names, secrets = service_names(loaded.spec), _seen_from_files(loaded)
    recipes = {plan.service: plan for plan in planned}

    def services(name: str) -> tuple[ComposeService, ...]:
        if name in recipes:
            plan = recipes[name]
            return recipe_services(
                name,
                plan.recipe,
                image=plan.image.reference,
                init=plan.init.reference if plan.init else None,
                asked=_asked(loaded.spec, artifacts, name),
            )
        if name == "postgres":
            asked = _asked(loaded.spec, artifacts, name)
            return postgres_of_image(recipe(name), image=copied[name], asked=asked)
        return (_polaris(loaded.spec, artifacts, copied[name]),)

    files = [
        ComposeFile(name=name, project=loaded.spec.name, secrets=secrets, services=services(name)) for name in names
    ]
    dagster = dagster_file(artifacts, image=reference(loaded.spec), port=port, services=names, secrets=secrets)
    return (dagster, *files)


def service_names(spec: Spec) -> tuple[str, ...]:
    """floe's own services that floe.yaml asks for."""
    return tuple(name for name, _ in spec.services.each()) if spec.services else ()


def _asked(spec: Spec, artifacts: CompiledArtifacts, name: str) -> ServiceAsked:
    assert spec.services
    if name == "postgres" and spec.services.postgres:
        own = spec.services.postgres
        more = (polaris_database(),) if spec.services.polaris else ()
        return ask_postgres(artifacts, memory=own.memory, port=own.port, more=more)
    assert spec.services.lake
    lake = spec.services.lake
    return ask_lake(artifacts, memory=lake.memory, port=lake.port, s3_port=lake.s3_port)


def _polaris(spec: Spec, artifacts: CompiledArtifacts, image: str) -> ComposeService:
    assert spec.services
    assert spec.services.polaris
    own = spec.services.polaris
    return polaris_service(artifacts, image=image, memory=own.memory, port=own.port, services=service_names(spec))


def _seen_from_files(loaded: Loaded) -> str:
    """The secrets' folder, relative so that a project can be moved; compose takes paths as seen from the file."""
    secrets, base = home_of(loaded.base).secrets, loaded.base.resolve() / COMPOSE
    try:
        inner = secrets.relative_to(base.parent)
    except ValueError:
        return str(secrets)
    return f"../{inner.as_posix()}"


def check_secrets(loaded: Loaded, lock: Lock) -> None:
    """Raises ProjectError that names everything that is missing; compose takes files, so a variable does not serve.

    What floe's own Polaris makes comes into being on the way up.
    """
    folder = home_of(loaded.base).secrets
    named = named_secrets(compile_artifacts(loaded.spec, lock), service_names(loaded.spec))
    missing = [each for each in named if not there(folder, each.name) and not (each.form == "polaris" and each.service)]
    if missing:
        word = "secrets are" if len(missing) > 1 else "a secret is"
        hint = "`floe secrets set NAME`"
        if any(each.service for each in missing):
            hint = "`floe secrets init` makes those of floe's own services"
        elif all(each.form == "polaris" for each in missing):
            hint = "`floe catalog apply` has Polaris make it"
        raise ProjectError(f"{word} missing: {', '.join(each.name for each in missing)}", hint=hint)
    closed = [each.name for each in named if _is_closed(folder / each.name)]
    if closed:
        files = " ".join(str(folder / name) for name in closed)
        raise ProjectError(
            f"the containers' user {UID} may not read {', '.join(closed)}",
            hint=f"chmod 644 {files}: the folder keeps others out",
        )


def _is_closed(file: Path) -> bool:
    """Compose mounts a file with its mode. Elsewhere than on Linux the engine's machine sees another one."""
    if sys.platform != "linux" or not file.exists():
        return False
    found = file.stat()
    return found.st_uid != UID and not found.st_mode & stat.S_IROTH


def derived_secrets(loaded: Loaded, lock: Lock) -> Iterator[tuple[str, bytes]]:
    """Files that services ask for in a form of their own, made of the project's secrets: (name, content)."""
    artifacts, folder = compile_artifacts(loaded.spec, lock), home_of(loaded.base).secrets

    def value(path: str, reference: Reference) -> str:
        return look_up(reference, setting=path, environ={}, folder=folder)

    if "lake" in service_names(loaded.spec):
        yield IDENTITIES, lake_identities(artifacts, value)
    if "polaris" in service_names(loaded.spec):
        yield from polaris_files(artifacts, value)


def write_composition(loaded: Loaded, lock: Lock, files: tuple[ComposeFile, ...]) -> ComposeProject:
    """The files in ``.floe/compose``; what is right already stays as it is. Raises DiskError, DiskFullError."""
    folder, secrets = loaded.base / COMPOSE, home_of(loaded.base).secrets
    try:
        for name, content in derived_secrets(loaded, lock):
            if not (secrets / name).is_file() or (secrets / name).read_bytes() != content + b"\n":
                note_changed(loaded.base, (name,))
                write_secret(secrets, name, content.decode())
        folder.mkdir(parents=True, exist_ok=True)
        for file in files:
            for name, data in _rendered(file):
                if not (folder / name).is_file() or (folder / name).read_bytes() != data:
                    (folder / name).parent.mkdir(exist_ok=True)
                    write_whole(folder / name, data, mode=_READABLE)
        wanted = {folder / name for file in files for name, _ in _rendered(file)}
        for path in (*folder.iterdir(), *(folder / ORDER).glob("*")):
            if path.is_file() and path not in wanted and not path.name.startswith("."):
                path.unlink()
    except OSError as error:
        raise disk_error(error, str(error.filename or folder)) from error
    return composition(loaded)


def _rendered(file: ComposeFile) -> Iterator[tuple[str, bytes]]:
    """(path in the folder, content)."""
    yield f"{file.name}.yaml", render_compose(file)
    order = render_order(file)
    if order:
        yield f"{ORDER}/{file.name}.yaml", order
    yield from ((each.name, each.text.encode()) for each in file.files)


def composition(loaded: Loaded) -> ComposeProject:
    """The project of the files that are there."""
    files = tuple(sorted((loaded.base / COMPOSE).glob("*.yaml")))
    return ComposeProject(name=loaded.spec.name, files=files)
