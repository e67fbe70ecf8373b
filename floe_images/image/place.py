"""Every path in an OCI image layout, and in the archive that is also what `docker load` reads (image-layout.md)."""

from __future__ import annotations

from floe_images.image.digest import Digest
from floe_images.image.platform import Platform
from floe_images.image.reference import Reference
from floe_images.image.words import canonical_json

OCI_LAYOUT = "oci-layout"
OCI_LAYOUT_BYTES = canonical_json({"imageLayoutVersion": "1.0.0"})
INDEX_JSON = "index.json"
BLOBS = "blobs"
SHA256 = "blobs/sha256"
DOCKER_MANIFEST = "manifest.json"
# Where `floe build` leaves the layout and `floe inspect` looks for it, beside floe.yaml.
FLOE_FOLDER = ".floe"
DEFAULT_LAYOUT = f"{FLOE_FOLDER}/image"
DEBUG_LAYOUT = f"{FLOE_FOLDER}/image-debug"
# Where `floe build` leaves the layouts of services, one folder each.
SERVICES = f"{FLOE_FOLDER}/services"
# Where `floe compile` leaves what the image would carry.
ARTIFACTS = f"{FLOE_FOLDER}/artifacts.json"
# Where `floe up` writes compose files.
COMPOSE = f"{FLOE_FOLDER}/compose"


def blob(digest: Digest) -> str:
    return f"{SHA256}/{digest.hex}"


def archive_name(reference: Reference, platform: Platform) -> str:
    """``flights_0.1.0_linux-amd64.tar``."""
    return f"{reference.base_name}_{reference.tag}_{platform.slug}.tar"
