"""Each target's credentials, made by dbt from floe's profile; for one target of each adapter `dbt parse`."""

import json
import os
import sys
import warnings

from floe_images.errors import FloeError
from floe_images.runtime.dbt.parse import make_manifest
from floe_images.runtime.dbt.prepare import QUIET
from floe_images.runtime.places import Places, read_artifacts
from floe_images.runtime.profile import PROFILE, make_profile

os.environ.update(QUIET)
warnings.simplefilter("ignore")

from dbt.config.profile import Profile  # noqa: E402
from dbt.config.renderer import ProfileRenderer  # noqa: E402
from dbt_common.context import set_invocation_context  # noqa: E402

places = Places.of(os.environ)
artifacts = read_artifacts(places)
parsed = {}
for target in artifacts.targets:
    before = dict(os.environ)
    said = {"target": target.name}
    try:
        if target.adapter not in parsed:
            made = make_manifest(places, target=target.name, transform=None, epoch=1, placeholders=False)
            parsed[target.adapter] = json.loads(made)["metadata"]["adapter_type"]
        profile = make_profile(artifacts, target, places=places, environ=os.environ, memory=None)
    except FloeError as fault:
        said |= {"error": str(fault), "hint": fault.hint}
    else:
        os.environ.update(profile.secrets)
        set_invocation_context(os.environ)
        read = Profile.from_raw_profiles(profile.document, PROFILE, ProfileRenderer({}))
        said |= {
            "class": type(read.credentials).__name__,
            "credentials": read.credentials.to_dict(omit_none=True),
            "threads": read.threads,
            "environ": dict(profile.environ),
            "adapter": parsed[target.adapter],
        }
    print(json.dumps(said), flush=True)
    os.environ.clear()
    os.environ.update(before)
sys.stdout.flush()
os._exit(0)
