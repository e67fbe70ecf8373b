"""What a code server loads: ``defs``, the Definitions of the project that FLOE_ARTIFACTS and FLOE_TARGET name.

FLOE_SCHEDULES=off leaves its schedules and sensors to whoever switches them on; else they are on.
"""

from __future__ import annotations

import logging
import os

from floe_images.runtime.assets.lean import import_dagster_dbt_alone

import_dagster_dbt_alone()

from floe_images.runtime import log  # noqa: E402
from floe_images.runtime.assets.definitions import definitions  # noqa: E402
from floe_images.runtime.metadata import PASSWORD  # noqa: E402
from floe_images.runtime.places import Places  # noqa: E402
from floe_images.runtime.run_log import log_runs_as_lines  # noqa: E402
from floe_images.runtime.storage_log import tell_storage_once  # noqa: E402

log_runs_as_lines()
if not logging.getLogger().handlers:  # a run's process of its own, which the code server has started
    log.set_up("run", os.environ)
    log.hide(os.environ.get(PASSWORD, ""))
    tell_storage_once(os.environ)
_places = Places.of(os.environ)
defs = definitions(
    _places.artifacts,
    places=_places,
    target=os.environ.get("FLOE_TARGET") or None,
    running=os.environ.get("FLOE_SCHEDULES", "on") != "off",
)
