"""The role ``check``: the health check of the image, and the first thing to ask when something is wrong."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from floe_images.errors import UsageError


def run(arguments: Sequence[str]) -> int:
    """0 when all is well, else 1 and one line that names every fault."""
    if [argument for argument in arguments if argument != "--quick"]:
        raise UsageError("check takes no argument but --quick")
    from floe_images.runtime.check import check

    well, line = check(quick="--quick" in arguments, environ=os.environ)
    (sys.stdout if well else sys.stderr).write(f"{line}\n")
    return 0 if well else 1
