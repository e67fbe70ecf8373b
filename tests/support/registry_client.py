"""A registry's client as a test asks with it, and a credential that nothing may repeat."""

from __future__ import annotations

import json
from pathlib import Path

from floe_images.engine.registry.copy import copy_image
from floe_images.engine.registry.place import Registries
from floe_images.engine.registry.resolve import open_repository, resolve_image
from floe_images.engine.store import Store
from floe_images.errors import (
    FloeError,
)
from floe_images.image.copied import CopiedImage
from floe_images.lock.model import LockedImage
from floe_images.progress import SILENT
from tests.support.built import AMD64, ARM64
from tests.support.registry_fake import FakeRegistry

BOTH = (AMD64, ARM64)
SECRET = "sesame-4711"
BASIC = "Basic dTpzZXNhbWUtNDcxMQ=="  # u:sesame-4711


def resolve(fake: FakeRegistry, registries: Registries, name: str = "team/say:1.0") -> LockedImage:
    return resolve_image("polaris", f"{fake.host}/{name}", BOTH, registries=registries, progress=SILENT)


def copy(locked: LockedImage, registries: Registries, store: Store, *, frozen: bool = False) -> tuple[CopiedImage, ...]:
    return copy_image(
        locked,
        BOTH,
        opened=lambda: open_repository(locked.reference, registries, SILENT),
        store=store,
        progress=SILENT,
        frozen=frozen,
    )


def login(home: Path, host: str) -> None:
    (home / ".docker").mkdir()
    entry = {"auth": BASIC.partition(" ")[2]}
    (home / ".docker/config.json").write_text(json.dumps({"auths": {host: entry}}))


def secretless(error: FloeError) -> str:
    text = f"{error.message} {error.where} {error.hint}"
    assert SECRET not in text
    assert "dTpz" not in text
    return text


def add_layer(fake: FakeRegistry, data: bytes) -> str:
    (found,) = {path for path, answer in fake.content.items() if answer.body == data}
    return found
