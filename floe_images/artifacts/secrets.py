"""Looks up what artifacts only refer to. A value lives in this process and in no file, message or repr."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from floe_images.artifacts.model import CompiledArtifacts, Reference, Setting, Settings
from floe_images.errors import ProjectError

_LARGEST = 1 << 20  # bytes; keys and their certificates have some thousand


@dataclass(frozen=True, kw_only=True)
class Needed:
    """A value that a run looks up. ``setting`` is its path in floe.yaml; without a value that is not ``required`` a
    run goes on, since it does not fail because of who watches it."""

    setting: str
    reference: Reference
    required: bool


def needed(artifacts: CompiledArtifacts, target: str | None) -> Iterator[Needed]:
    """Everything that a run on ``target`` (None: a server) refers to: of the target, its catalog, the metadata, the
    collectors. What manages a catalog is no run's business."""
    chosen = artifacts.target(target) if target else None
    in_file = chosen is not None and chosen.adapter == "duckdb"
    catalog = artifacts.catalog(str(chosen.settings.get("catalog"))) if chosen and in_file else None
    places = (
        (f"targets.{target}", chosen.settings if chosen else None, True),
        (
            f"catalogs.{catalog.name}" if catalog else "",
            Settings(tuple(item for item in catalog.settings.items if item[0] != "manage")) if catalog else None,
            True,
        ),
        ("orchestration.metadata", artifacts.orchestration.metadata, True),
        ("observability.traces", artifacts.observability.traces, False),
        ("observability.lineage", artifacts.observability.lineage, False),
    )
    for path, settings, required in places:
        if settings is not None:
            for setting, reference in _walk(path, settings):
                yield Needed(setting=setting, reference=reference, required=required)


def references(artifacts: CompiledArtifacts) -> Iterator[tuple[str, Reference]]:
    """(path in floe.yaml, reference) of all that artifacts refer to, whoever looks it up."""
    places = (
        *((f"targets.{target.name}", target.settings) for target in artifacts.targets),
        *((f"catalogs.{catalog.name}", catalog.settings) for catalog in artifacts.catalogs),
        ("orchestration.metadata", artifacts.orchestration.metadata),
        ("observability.traces", artifacts.observability.traces),
        ("observability.lineage", artifacts.observability.lineage),
    )
    for path, settings in places:
        if settings is not None:
            yield from _walk(path, settings)


def look_up(reference: Reference, *, setting: str, environ: Mapping[str, str], folder: Path) -> str:
    """The value of a reference: the file ``folder/NAME``, without one final line break, or for ``env`` the variable.

    ``setting`` is the path in floe.yaml; it is what a person is told when the value is missing. Raise ProjectError.
    """
    value = find(reference, setting=setting, environ=environ, folder=folder)
    if not value:
        either = f" or set the variable {reference.name}" if reference.kind == "env" else ""
        raise ProjectError(
            f"{setting} needs the {_word(reference)} {reference.name}, which is not there",
            hint=f"put it into the file {folder / reference.name}{either}",
        )
    return value


def find(reference: Reference, *, setting: str, environ: Mapping[str, str], folder: Path) -> str:
    """As `look_up`, and the empty text where there is none. Raise ProjectError for a file that cannot be read."""
    file, value = folder / reference.name, ""
    try:
        why = _no_secret(file.stat())
        value = "" if why else file.read_text(encoding="utf-8")
    except FileNotFoundError:
        value, why = environ.get(reference.name, "") if reference.kind == "env" else "", None
    except (OSError, UnicodeDecodeError) as fault:
        why = fault.strerror if isinstance(fault, OSError) else "not UTF-8 text"
    if why:
        raise ProjectError(
            f"the {_word(reference)} {reference.name} of {setting} cannot be read: {why}",
            where=str(file),
            hint="it has to be a file of UTF-8 text that whoever runs this may read",
        )
    value = value[:-1] if value.endswith("\n") else value
    return value[:-1] if value.endswith("\r") else value


def _no_secret(found: os.stat_result) -> str | None:
    """A pipe would be waited for, and a large file is something else."""
    if stat.S_ISDIR(found.st_mode):
        return "Is a directory"
    if not stat.S_ISREG(found.st_mode):
        return "it is no file"
    return f"it is larger than {_LARGEST >> 10} KiB" if found.st_size > _LARGEST else None


def _walk(path: str, value: Setting) -> Iterator[tuple[str, Reference]]:
    if isinstance(value, Reference):
        yield path, value
    elif isinstance(value, Settings):
        for name, item in value.items:
            yield from _walk(f"{path}.{name}", item)
    elif isinstance(value, tuple):
        for number, item in enumerate(value):
            yield from _walk(f"{path}[{number}]", item)


def _word(reference: Reference) -> str:
    return "secret" if reference.kind == "secret" else "value"
