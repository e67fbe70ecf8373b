"""dbt's profile, made from artifacts at start: one file an adapter. It names secrets and holds none."""

from floe_images.runtime.profile.answers import SECRET_PREFIX
from floe_images.runtime.profile.make import PROFILE, make_profile
from floe_images.runtime.profile.model import Profile

__all__ = ["PROFILE", "SECRET_PREFIX", "Profile", "make_profile"]
