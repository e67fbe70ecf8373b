"""Where things lie in an image, each path named once. Relative to the root, without a leading slash."""

from __future__ import annotations

PYTHON = "3.11"
INTERPRETER = f"/usr/bin/python{PYTHON}"

# Debian's scheme `posix_local`: what is not Debian's goes below /usr/local, and the interpreter looks there by itself.
LOCAL = "usr/local"
SITE = f"{LOCAL}/lib/python{PYTHON}/dist-packages"
SCRIPTS = f"{LOCAL}/bin"
HEADERS = f"{LOCAL}/include/python{PYTHON}"

FLOE = "opt/floe"
ARTIFACTS = f"{FLOE}/artifacts.json"
PROJECT = f"{FLOE}/project"
DATA = f"{FLOE}/data"
DUCKDB = f"{FLOE}/duckdb"
MANIFESTS = f"{FLOE}/manifests"
DAGSTER_HOME = f"{FLOE}/dagster"
STATE = "var/lib/floe"


def volume_name(project: str, name: str) -> str:
    """The engine's volume that keeps ``name`` of a project: `floe run --in-container` and `floe up` mean the same."""
    return f"floe-{project}-{name}"
