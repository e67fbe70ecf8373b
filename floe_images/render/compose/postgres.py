"""What floe.yaml asks of floe's own PostgreSQL: the roles and databases of whoever names it as a host."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import PurePosixPath

from floe_images.artifacts.model import CompiledArtifacts, Reference, Settings
from floe_images.errors import ProjectError
from floe_images.lock.recipe import Recipe
from floe_images.plan.base_files import GID, UID
from floe_images.render.compose.model import MEBIBYTE, ComposeService, MountedFile, Port, Tmpfs
from floe_images.render.compose.recipes import ServiceAsked, recipe_services

HOST = "postgres"
_PASSWD = f"""\
root:x:0:0:root:/root:/usr/sbin/nologin
floe:x:{UID}:{GID}:floe:/var/lib/postgresql:/usr/sbin/nologin
"""


def ask_postgres(
    artifacts: CompiledArtifacts, *, memory: int | None, port: int | None, more: Iterable[tuple[str, Settings]] = ()
) -> ServiceAsked:
    """``more`` is who asks beside floe.yaml's targets and metadata: (path in floe.yaml, user, password, database).

    Raises ProjectError for what a service of floe's own cannot take.
    """
    roles: dict[str, str] = {}
    databases: dict[str, str] = {}
    for path, settings in (*_those_who_ask(artifacts), *more):
        user, database = _text(path, settings, "user"), _text(path, settings, "database")
        password = settings.get("password")
        if not isinstance(password, Reference):
            raise ProjectError(f"{path} needs a password: floe's own PostgreSQL lets nobody in without one")
        if roles.setdefault(user, password.name) != password.name:
            raise ProjectError(f"the role {user} has two passwords: {roles[user]} and {password.name} ({path})")
        if databases.setdefault(database, user) != user:
            raise ProjectError(f"the database {database} has two owners: {databases[database]} and {user} ({path})")
    return ServiceAsked(
        init_env=(("FLOE_DATABASES", _pairs(databases)), ("FLOE_ROLES", _pairs(roles))),
        init_secrets=tuple(sorted(set(roles.values()))),
        ports=(Port(host=port, container=5432),) if port else (),
        memory=memory,
    )


def postgres_of_image(recipe: Recipe, *, image: str, asked: ServiceAsked) -> tuple[ComposeService, ...]:
    """PostgreSQL's own image, or one like it: its programs, and the recipe's settings and way to prepare the volume.

    It has ``postgres``, ``initdb``, ``psql`` and ``pg_isready`` on its PATH, a shell, and Debian's coreutils; its own
    entrypoint is not used. Whoever goes from a recipe to an image of the same major version keeps the volume.
    """
    prepares = recipe.init
    assert prepares is not None
    files = (
        *(
            MountedFile(name=f"postgres-{PurePosixPath(file.path).name}", path=file.path, text=file.text)
            for file in (*recipe.image.files, *prepares.files)
            if not file.folder and file.link is None
        ),
        # initdb and the peer check ask for the name of their user, which the image does not know.
        MountedFile(name="postgres-passwd", path="/etc/passwd", text=_PASSWD),
    )
    env = tuple(pair for pair in recipe.image.env if pair[0] != "PATH")
    init, serving = recipe_services("postgres", recipe, image=image, init=image, asked=asked)
    # The image declares this path, and would get a volume without a name for it.
    tmpfs = (*serving.tmpfs, Tmpfs(path="/var/lib/postgresql/data", size=MEBIBYTE))
    return (
        replace(
            init,
            entrypoint=("sh", f"{prepares.entrypoint[-1]}"),
            environment=(*env, *init.environment),
            files=files,
            tmpfs=tmpfs,
        ),
        replace(
            serving,
            entrypoint=tuple(
                PurePosixPath(word).name if word.endswith("/postgres") else word for word in recipe.image.entrypoint
            ),
            environment=env,
            files=files,
            tmpfs=tmpfs,
            healthcheck=("pg_isready", *recipe.image.healthcheck[1:]),
        ),
    )


def _those_who_ask(artifacts: CompiledArtifacts) -> Iterator[tuple[str, Settings]]:
    for target in artifacts.targets:
        if target.adapter == "postgres" and target.settings.get("host") == HOST:
            yield f"targets.{target.name}", target.settings
    metadata = artifacts.orchestration.metadata
    if metadata.get("host") == HOST:
        yield "orchestration.metadata", metadata


def _text(path: str, settings: Settings, key: str) -> str:
    value = settings.get(key)
    if not isinstance(value, str):
        raise ProjectError(
            f"{path}.{key} has to be written out: floe makes it in its own PostgreSQL before anything starts"
        )
    return value


def _pairs(values: dict[str, str]) -> str:
    return " ".join(f"{name}={value}" for name, value in sorted(values.items()))
