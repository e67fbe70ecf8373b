"""CompiledArtifacts as canonical JSON: equal values are equal bytes, and whatever is not exactly one is refused."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from floe_images.artifacts.model import ARTIFACTS_VERSION, CompiledArtifacts
from floe_images.artifacts.shape import plain, read, schema
from floe_images.errors import ProjectError


def encode(artifacts: CompiledArtifacts) -> bytes:
    """UTF-8, sorted keys, two spaces, a final newline."""
    document = plain(artifacts)
    assert isinstance(document, dict)
    return _canonical({"version": ARTIFACTS_VERSION, **document})


def decode(data: bytes, *, where: str) -> CompiledArtifacts:
    """The value of ``encode``'s bytes. Raise ProjectError naming ``where`` for anything else."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        _refuse(where, "not JSON")
    version = document.pop("version", None) if isinstance(document, dict) else None
    if type(version) is not int or version != ARTIFACTS_VERSION:
        raise ProjectError(
            f"artifacts of version {version!r} cannot be read: this runtime reads version {ARTIFACTS_VERSION}",
            where=where,
            hint="build the image again: runtime and artifacts come from the same floe",
        )
    try:
        artifacts: CompiledArtifacts = read(CompiledArtifacts, document)
    except ValueError as fault:
        _refuse(where, str(fault))
    return artifacts


def json_schema() -> bytes:
    """The JSON Schema (2020-12) of the document, canonical."""
    found = schema(CompiledArtifacts)
    document: dict[str, Any] = found["$defs"]["CompiledArtifacts"]
    document["properties"]["version"] = {"const": ARTIFACTS_VERSION}
    document["required"].append("version")
    return _canonical(
        {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": f"floe's compiled artifacts, version {ARTIFACTS_VERSION}",
            **found,
        }
    )


def _canonical(document: object) -> bytes:
    return (json.dumps(document, ensure_ascii=False, sort_keys=True, indent=2) + "\n").encode()


def _refuse(where: str, why: str) -> NoReturn:
    raise ProjectError(
        f"these are not floe's artifacts: {why}", where=where, hint="floe build writes them; do not edit them"
    )
