"""Makes the manifest of the target dev as `floe build` does, with a container's environment: argv[1] is where to."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from floe_images.plan.config import image_config
from floe_images.runtime.dbt.parse import make_manifest
from floe_images.runtime.places import Places

container = dict(image_config(()).env)
places = Places.of(os.environ)
Path(sys.argv[1]).write_bytes(
    make_manifest(places, target="dev", transform=None, epoch=1700000000, placeholders=True, container=container)
)
