"""A copy that is killed in the middle of a layer: nothing half is in the cache, and the next one goes on from there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from floe_images.engine.registry.copy import copy_image, downloaded
from floe_images.engine.registry.place import Registries
from floe_images.engine.registry.resolve import open_repository, resolve_image
from floe_images.engine.store import Store
from floe_images.image.words import LAYER_GZIP
from floe_images.lock.model import LockedImage
from floe_images.progress import SILENT
from tests.support.built import AMD64
from tests.support.registry_fake import Answer, FakeRegistry

BIG = bytes(range(256)) * 8192
CHILD = """
import sys
from pathlib import Path
from floe_images.engine.fetch.http import HttpSettings
from floe_images.engine.registry.copy import copy_image
from floe_images.engine.registry.place import Registries
from floe_images.engine.registry.resolve import open_repository, resolve_image
from floe_images.engine.store import Store
from floe_images.image.platform import Platform
from floe_images.progress import SILENT
reference, cache = sys.argv[1:]
registries = Registries(http=HttpSettings(), environ={"HOME": cache})
platforms = [Platform("linux", "amd64")]
locked = resolve_image("polaris", reference, platforms, registries=registries, progress=SILENT)
copy_image(
    locked, platforms, opened=lambda: open_repository(reference, registries, SILENT), store=Store(Path(cache)),
    progress=SILENT,
)
"""


def test_kill_in_the_middle_of_a_layer(fake: FakeRegistry, registries: Registries, store: Store) -> None:
    fake.put_both(layers=((BIG, LAYER_GZIP),))
    reference = f"{fake.host}/team/say:1.0"
    locked = resolve_image("polaris", reference, [AMD64], registries=registries, progress=SILENT)
    (path,) = [path for path, answer in fake.content.items() if answer.body == BIG]
    half = len(BIG) // 2
    fake.content[path] = Answer(body=BIG[:half], length=len(BIG), hold=60)
    child = subprocess.Popen([sys.executable, "-c", CHILD, reference, str(store.root)])
    try:
        partial = _wait_for(store.root / "tmp", half)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    assert store.find("downloads", path.rpartition(":")[2]) is None

    long_ago = time.time() - 60  # what nobody has written to for a while is nobody's
    os.utime(partial, (long_ago, long_ago))
    fake.content[path] = Answer(body=BIG)
    fake.asked.clear()
    assert _copied(locked, registries, store) == BIG
    (asked,) = [asked for asked in fake.asked if asked.path == path]
    assert asked.headers["range"] == f"bytes={half}-"
    assert [path.name for path in (store.root / "tmp").iterdir()] == []


def _wait_for(folder: Path, size: int) -> Path:
    for _ in range(600):
        found = [path for path in folder.glob("partial-*") if path.stat().st_size == size]
        if found:
            return found[0]
        time.sleep(0.05)
    raise AssertionError("the child wrote no part of the layer")


def _copied(locked: LockedImage, registries: Registries, store: Store) -> bytes:
    (image,) = copy_image(
        locked,
        [AMD64],
        opened=lambda: open_repository(locked.reference, registries, SILENT),
        store=store,
        progress=SILENT,
    )
    return downloaded(store)(image.layers[0].digest).read_bytes()
