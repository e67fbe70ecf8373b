"""Looks up what artifacts only refer to. A value lives in this process and in no file, message or repr."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from floe_images.artifacts.model import Reference
from floe_images.errors import ProjectError


def look_up(reference: Reference, *, setting: str, environ: Mapping[str, str], folder: Path) -> str:
    """The value of a reference: the file ``folder/NAME``, without one final line break, or for ``env`` the variable.

    ``setting`` is the path in floe.yaml; it is what a person is told when the value is missing. Raise ProjectError.
    """
    file = folder / reference.name
    try:
        value = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        value = environ.get(reference.name, "") if reference.kind == "env" else ""
    except (OSError, UnicodeDecodeError) as fault:
        why = fault.strerror if isinstance(fault, OSError) else "not UTF-8 text"
        raise ProjectError(
            f"the {_word(reference)} {reference.name} of {setting} cannot be read: {why}", where=str(file)
        ) from None
    value = value[:-1] if value.endswith("\n") else value
    value = value[:-1] if value.endswith("\r") else value
    if not value:
        either = f" or set the variable {reference.name}" if reference.kind == "env" else ""
        raise ProjectError(
            f"{setting} needs the {_word(reference)} {reference.name}, which is not there",
            hint=f"mount it as the file {file}{either}",
        )
    return value


def _word(reference: Reference) -> str:
    return "secret" if reference.kind == "secret" else "value"
