"""Spec → Lock: Debian's closure, Python's pins, the data and the services, with what blob digests depend on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from floe_images.engine.assemble.packer import tools
from floe_images.engine.fetch.reach import Reach
from floe_images.engine.fetch.sources import folders_of
from floe_images.engine.resolve.data import resolve_data
from floe_images.engine.resolve.debian import Closures, resolve_debian
from floe_images.engine.resolve.python import resolve_python
from floe_images.engine.resolve.services import resolve_services
from floe_images.engine.resolve.uv import Upgrade
from floe_images.engine.store import Store
from floe_images.lock.model import DebianSnapshot, Lock
from floe_images.lock.requirements import python_requirements
from floe_images.lock.stale import debian_inputs_digest, inputs_digest
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
    """``previous`` is the lock that is there: its pins are kept where they fit unless ``upgrade`` frees them, and a
    Debian index that is older than its snapshot is refused. ``folders`` serve as well as an index."""
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
    snapshot, debian = _debian(spec, reach, store, progress, previous, upgrade or Upgrade())
    services = resolve_services(
        spec,
        reach=reach,
        store=store,
        progress=progress,
        previous=previous,
        upgrade=upgrade or Upgrade(),
        snapshot=snapshot,
        debian=debian,
        folders=places,
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
        debian_inputs=debian_inputs_digest(spec),
        services=services,
    )


def _debian(
    spec: Spec, reach: Reach, store: Store, progress: Progress, previous: Lock | None, upgrade: Upgrade
) -> tuple[DebianSnapshot, Closures]:
    """The closure that is there while nothing that it depends on changes: pins are kept, as Python's are."""
    if previous and previous.debian_inputs == debian_inputs_digest(spec) and not upgrade.everything:
        names = {deb.name for _, debs in previous.debian for deb in debs}
        if names.isdisjoint(upgrade.names):
            return previous.snapshot, previous.debian
    return resolve_debian(
        [package.name for package in spec.image.debian_packages],
        debug=spec.image.debug,
        mirrors=reach.debian,
        http=reach.http,
        store=store,
        previous=previous.snapshot if previous else None,
        progress=progress,
    )
