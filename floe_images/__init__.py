"""floe: from one floe.yaml to a hardened, reproducible data platform image that also runs without internet.

The functions here are what the command `floe` calls; each is imported when it is first asked for. See
docs/reference/python-api.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from floe_images.plan.make import BuildOptions as BuildOptions
    from floe_images.project.build import build_image as build_image
    from floe_images.project.lock import load_lock as load_lock
    from floe_images.project.lock import resolve_lock as resolve_lock
    from floe_images.project.lock import save_lock as save_lock
    from floe_images.project.plan import make_plan as make_plan
    from floe_images.runtime import definitions as definitions
    from floe_images.spec.load import load_spec as load_spec

_WHERE = {
    "BuildOptions": "floe_images.plan.make",
    "build_image": "floe_images.project.build",
    "definitions": "floe_images.runtime",  # where Dagster is installed
    "load_lock": "floe_images.project.lock",
    "load_spec": "floe_images.spec.load",
    "make_plan": "floe_images.project.plan",
    "resolve_lock": "floe_images.project.lock",
    "save_lock": "floe_images.project.lock",
}
__all__ = [
    "BuildOptions",
    "__version__",
    "build_image",
    "definitions",
    "load_lock",
    "load_spec",
    "make_plan",
    "resolve_lock",
    "save_lock",
]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
