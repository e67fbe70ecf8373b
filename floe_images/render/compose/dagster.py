"""The pipeline's own containers: code server, daemon and webserver, from one image on one state volume."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit

from floe_images.artifacts.model import CatalogArtifact, CompiledArtifacts, Settings
from floe_images.artifacts.secrets import needed
from floe_images.plan.places import STATE
from floe_images.render.compose.model import (
    INSIDE,
    MEBIBYTE,
    OUTSIDE,
    ComposeFile,
    ComposeService,
    Need,
    Port,
    Tmpfs,
)

_CODE = "code-server"
_ADDRESS = f"{_CODE}:4000"
_SCRATCH = (Tmpfs(path="/tmp", size=512 * MEBIBYTE),)  # noqa: S108  the containers' own


def dagster_file(
    artifacts: CompiledArtifacts, *, image: str, port: int, services: Collection[str], secrets: str
) -> ComposeFile:
    """``image`` is the pipeline's reference, ``port`` the webserver's on this machine, ``services`` the names of
    floe's own services that run beside it, ``secrets`` the folder of their files as the compose file sees it."""
    metadata = artifacts.orchestration.metadata
    common = tuple(sorted({each.reference.name for each in needed(artifacts, None) if each.required}))
    everything = tuple(
        sorted({each.reference.name for target in artifacts.targets for each in needed(artifacts, target.name)})
    )
    after = tuple(Need(service=name, condition="healthy") for name in sorted(services))
    outward = (INSIDE, OUTSIDE)
    state = (("state", f"/{STATE}"),)

    def container(name: str, *command: str, **more: object) -> ComposeService:
        values = {"volumes": state, "tmpfs": _SCRATCH, "environment": (("FLOE_LOG", "json"),), **more}
        return ComposeService(name=name, image=image, command=(name, *command), **values)  # type: ignore[arg-type]

    started = Need(service=_CODE, condition="healthy")
    far = _host(metadata) not in (None, *services)
    return ComposeFile(
        name="dagster",
        project=artifacts.name,
        secrets=secrets,
        services=(
            # Runs are its processes: it has their secrets, their memory and their way out.
            container(
                _CODE,
                secrets=everything,
                needs=after,
                memory=2048 * MEBIBYTE,
                pids=512,
                networks=outward if far or _reaches_out(artifacts, services) else (INSIDE,),
            ),
            container(
                "daemon", "--code-server", _ADDRESS,
                secrets=common, needs=(*after, started), memory=1024 * MEBIBYTE,
                networks=outward if far else (INSIDE,),
            ),
            container(
                "webserver", "--code-server", _ADDRESS,
                secrets=common, needs=(*after, started), memory=1024 * MEBIBYTE,
                ports=(Port(host=port, container=3000),), networks=outward,
            ),
        ),
    )  # fmt: skip


def _reaches_out(artifacts: CompiledArtifacts, services: Collection[str]) -> bool:
    """Whether a target, a catalog or a collector lies beyond floe's own services."""
    seen = artifacts.observability
    collectors = [each for each in (seen.traces, seen.lineage) if each is not None]
    return (
        any(_is_far(catalog, services) for catalog in artifacts.catalogs)
        or any(target.adapter != "duckdb" and _host(target.settings) not in services for target in artifacts.targets)
        or any(each.get("type") not in ("file", "console") for each in collectors)
    )


def _is_far(catalog: CatalogArtifact, services: Collection[str]) -> bool:
    """Whether the catalog or its store is beyond floe's own services; a store that is not named is the provider's."""
    storage = catalog.settings.get("storage")
    asked = [] if catalog.type == "local" else [catalog.settings.get("uri")]
    if isinstance(storage, Settings) and storage.get("type") != "local":
        asked.append(storage.get("endpoint"))
    return any((urlsplit(each).hostname if isinstance(each, str) else None) not in services for each in asked)


def _host(settings: Settings) -> str | None:
    """The host as floe.yaml writes it; None where there is none, or where it is only known at start."""
    found = settings.get("host")
    return found if isinstance(found, str) else None if found is None else ""
