"""Spec → Lock: Debian's closure, Python's pins and the data, with what blob digests depend on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from floe_images.engine.assemble.packer import tools
from floe_images.engine.fetch.reach import Reach
from floe_images.engine.fetch.sources import folders_of
from floe_images.engine.resolve.data import resolve_data
from floe_images.engine.resolve.debian import resolve_debian
from floe_images.engine.resolve.python import resolve_python
from floe_images.engine.resolve.uv import Upgrade
from floe_images.engine.store import Store
from floe_images.lock.model import Lock
from floe_images.lock.requirements import python_requirements
from floe_images.lock.stale import inputs_digest
from floe_images.progress import Progress
from floe_images.spec.model import Spec


def resolve(
    spec: Spec,
    *,
    reach: Reach,
    store: Store,
    progress: Progress,
    previous: Lock | None = None,
    upgrade: Upgrade | None = None,
    folders: Sequence[Path] = (),
) -> Lock:
    """``previous`` is the lock that is there: its Python pins and data versions are preferred, and an index that is
    older than its snapshot is refused. ``folders`` serve as well as an index."""
    progress.phase("resolve")
    places = folders_of(reach, folders)
    wheels = resolve_python(
        python_requirements(spec),
        platforms=sorted(spec.image.platforms),
        python=spec.image.python,
        reach=reach,
        store=store,
        progress=progress,
        previous=previous.wheels if previous else (),
        upgrade=upgrade,
        folders=places,
    )
    data = resolve_data(
        spec.data,
        reach=reach,
        store=store,
        progress=progress,
        previous=previous.data if previous else (),
        upgrade=upgrade,
        folders=places,
    )
    snapshot, debian = resolve_debian(
        [package.name for package in spec.image.debian_packages],
        debug=spec.image.debug,
        mirrors=reach.debian,
        http=reach.http,
        store=store,
        previous=previous.snapshot if previous else None,
        progress=progress,
    )
    return Lock(
        inputs=inputs_digest(spec),
        platforms=tuple(sorted(spec.image.platforms)),
        python=spec.image.python,
        tools=tools(),
        snapshot=snapshot,
        debian=debian,
        wheels=wheels,
        data=data,
    )
