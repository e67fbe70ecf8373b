"""A loaded floe.yaml and its lock → the plan of the image, with every file that is rendered into it."""

from __future__ import annotations

from floe_images.lock.model import Lock
from floe_images.plan import make
from floe_images.plan.make import BuildOptions
from floe_images.plan.model import Plan
from floe_images.render.files import rendered_files
from floe_images.spec.load import Loaded


def make_plan(loaded: Loaded, lock: Lock, *, options: BuildOptions | None = None) -> Plan:
    """Nothing is read, fetched or made. ``options`` default to every platform of the lock, with bytecode.

    Raises UsageError for a platform that the lock has not, and for a debug image that floe.yaml does not ask for.
    """
    rendered = rendered_files(loaded.spec, lock)
    return make.make_plan(loaded.spec, lock, options=options or BuildOptions(), rendered=rendered)
