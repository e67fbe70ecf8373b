"""Makes dbt's manifests with the image's own dbt, one for each target and dbt project, as `floe build` does.

argv[1] is a file with the time that they tell, in seconds; argv[2] one with the environment of the image's containers.
"""

import json
import os
import sys
from pathlib import Path

from floe_images.runtime.dbt.parse import make_manifest
from floe_images.runtime.manifests import carried_manifest
from floe_images.runtime.places import Places, read_artifacts

if os.environ.get("PYTHONHASHSEED") != "0":  # the order of a set is part of what a macro may write down
    os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "PYTHONHASHSEED": "0"})  # noqa: S606
places = Places.of(os.environ)
artifacts = read_artifacts(places)
epoch = int(Path(sys.argv[1]).read_text())
container = json.loads(Path(sys.argv[2]).read_text())
for target in artifacts.targets:
    for transform in artifacts.transforms:
        data = make_manifest(
            places,
            target=target.name,
            transform=transform.path,
            epoch=epoch,
            placeholders=True,
            container=container,
        )
        file = carried_manifest(places.home, target.name, transform.path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
