"""Maintainer scripts are not run; this is the table of those that were read, and of what floe does in their place.

``data/maintainer-scripts.toml`` names a script by the sha256 of its text, with the package's own version and
architecture taken out, so that a security update with an unchanged script needs no new review.

Only ``preinst`` and ``postinst`` count: ``prerm`` and ``postrm`` run when a package is taken out again, and ``config``
asks questions for ``postinst`` (Debian Policy 6.1, debconf-devel(7)).
"""

from __future__ import annotations

import functools
import hashlib
import sys
from collections.abc import Mapping
from importlib import resources

from floe_images.errors import MaintainerScriptError
from floe_images.image.platform import Platform

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

COUNTING = ("preinst", "postinst")
_ARCHITECTURES = tuple(Platform("linux", name) for name in ("amd64", "arm64"))


def script_digest(text: bytes, *, version: str) -> str:
    """64 hex digits of a script's text, free of its package's version and architecture."""
    text = text.replace(version.encode(), b"@VERSION@")
    for platform in _ARCHITECTURES:
        text = text.replace(platform.multiarch.encode(), b"@MULTIARCH@")
        text = text.replace(b":" + platform.architecture.encode(), b":@ARCHITECTURE@")
    return hashlib.sha256(text).hexdigest()


@functools.cache
def reviewed() -> Mapping[tuple[str, str], frozenset[str]]:
    """(package, script) → the digests that were read."""
    data = resources.files("floe_images").joinpath("data/maintainer-scripts.toml").read_bytes()
    table: dict[tuple[str, str], frozenset[str]] = {}
    for entry in tomllib.loads(data.decode())["script"]:
        table[entry["package"], entry["script"]] = frozenset(entry["sha256"])
    return table


def check_scripts(package: str, version: str, scripts: Mapping[str, bytes]) -> None:
    """Raise MaintainerScriptError, naming the package, for a counting script that nobody has read."""
    for name in COUNTING:
        text = scripts.get(name)
        if text is None or script_digest(text, version=version) in reviewed().get((package, name), ()):
            continue
        known = (package, name) in reviewed()
        raise MaintainerScriptError(
            f"its {name} has changed since it was reviewed" if known else f"its {name} was never reviewed",
            where=f"{package} {version}",
            hint="floe runs no maintainer scripts. If the package works without, say so in floe.yaml: "
            f"debian_packages: [{{name: {package}, skip_scripts: true}}]",
        )
