"""Services of a spec against those of a lock: what locking them depends on, and what may be kept."""

from __future__ import annotations

from floe_images.lock.model import Lock, LockedImage, LockedRecipe, LockedService
from floe_images.lock.recipe import recipe, shipped_lock
from floe_images.spec.model import Spec
from floe_images.spec.services import Service, image_of, recipe_of


def services_inputs(spec: Spec) -> dict[str, list[str]]:
    """What locking each service depends on; empty where floe.yaml has none."""
    return {name: _inputs(name, service) for name, service in _named(spec)}


def kept_service(name: str, service: Service, previous: Lock | None) -> LockedService | None:
    """What there is for a service without asking anybody: the lock's own, else what is shipped with its recipe."""
    for locked in previous.services if previous else ():
        if locked.service == name and _locked_inputs(locked) == _inputs(name, service):
            return locked
    recipe_name = recipe_of(name, service)
    if recipe_name is None:
        return None
    shipped = shipped_lock(recipe_name)
    return shipped if shipped.inputs == recipe(recipe_name).inputs else None


def names_of(name: str, lock: Lock | None) -> frozenset[str]:
    """What `floe lock --upgrade` may call a service: its own name, and each of its packages."""
    found = {name}
    for service in lock.services if lock else ():
        if service.service == name and isinstance(service, LockedRecipe):
            found |= {wheel.name for wheel in service.wheels}
            found |= {deb.name for _, debs in service.debian for deb in debs}
    return frozenset(found)


def locked_reference(service: Service) -> str:
    """The reference of a service that has no recipe."""
    found = image_of(service)
    if found is None:
        raise ValueError("the service comes from a recipe")
    return found


def _named(spec: Spec) -> tuple[tuple[str, Service], ...]:
    return spec.services.each() if spec.services else ()


def _inputs(name: str, service: Service) -> list[str]:
    recipe_name = recipe_of(name, service)
    return (
        ["image", locked_reference(service)]
        if recipe_name is None
        else ["recipe", recipe_name, recipe(recipe_name).inputs]
    )


def _locked_inputs(locked: LockedService) -> list[str]:
    if isinstance(locked, LockedImage):
        return ["image", locked.reference]
    return ["recipe", locked.recipe, locked.inputs]
