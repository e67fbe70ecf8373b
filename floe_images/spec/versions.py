"""The versions of floe.yaml's format that this floe reads."""

from __future__ import annotations

from floe_images.spec.document import Node
from floe_images.spec.findings import Finding

SUPPORTED_VERSIONS = ("1.0",)


def other_version(root: Node) -> Finding | None:
    """The one finding about a floe.yaml of another version; None where this floe reads it or where none is named."""
    node = root.data.get("version")
    if node is None or node.broken or not isinstance(node.data, str) or node.data in SUPPORTED_VERSIONS:
        return None
    supported = ", ".join(f'"{version}"' for version in SUPPORTED_VERSIONS)
    return Finding(
        at=node.at, path="version", message="this floe does not read that version", hint=f"supported: {supported}"
    )
