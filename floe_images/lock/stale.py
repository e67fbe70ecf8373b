"""Whether a lock still belongs to its floe.yaml: a digest over what resolving depends on, and nothing else.

Mirrors, credentials, certificates, comments, schedules, sensors, targets' settings and labels are not in it: they
change where bytes come from or how the image runs, not which bytes are locked.
"""

from __future__ import annotations

import hashlib
import json

from floe_images.errors import LockStaleError
from floe_images.lock.base_recipe import base_recipe
from floe_images.lock.model import Lock
from floe_images.lock.requirements import python_requirements
from floe_images.spec.model import Spec


def inputs_digest(spec: Spec) -> str:
    """sha256 (hex) over platforms, Python's version, all requirements, Debian packages, data, services, recipes."""
    inputs: dict[str, object] = {
        "platforms": sorted(str(platform) for platform in spec.image.platforms),
        "python": spec.image.python,
        "requirements": python_requirements(spec),
        "debian": debian_inputs_digest(spec),
        "data": sorted([data.name, data.package, data.member, data.place] for data in spec.data),
    }
    services = _services(spec)
    if services:  # a floe.yaml without any keeps the digest that it had before there were services
        inputs["services"] = services
    return _digest(inputs)


def debian_inputs_digest(spec: Spec) -> str:
    """sha256 (hex) over what the Debian closure alone depends on: while it is the same, the closure may be kept."""
    recipe = base_recipe()
    inputs = {
        "packages": sorted(package.name for package in spec.image.debian_packages),
        "debug": spec.image.debug,
        "base": [recipe.suite, recipe.version],
    }
    return _digest(inputs)


def _services(spec: Spec) -> dict[str, list[str]]:
    if not spec.services:
        return {}
    # Recipes are read where a floe.yaml has services only.
    from floe_images.lock.services import services_inputs

    return services_inputs(spec)


def _digest(inputs: object) -> str:
    return hashlib.sha256(json.dumps(inputs, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def check_fresh(lock: Lock, spec: Spec, where: str = "floe.lock") -> None:
    """Raise LockStaleError where floe.yaml asks for something else than the lock was resolved for."""
    if lock.inputs == inputs_digest(spec):
        return
    reasons = []
    if set(lock.platforms) != set(spec.image.platforms):
        reasons.append("platforms")
    if lock.python != spec.image.python:
        reasons.append("python")
    if {data.name for data in lock.data} != {data.name for data in spec.data}:
        reasons.append("data")
    if {service.service for service in lock.services} != _services(spec).keys():
        reasons.append("services")
    changed = ", ".join(reasons) or "the packages that are asked for"
    raise LockStaleError(
        f"floe.yaml has changed since it was locked ({changed})", where=where, hint="run `floe lock` to update it"
    )
