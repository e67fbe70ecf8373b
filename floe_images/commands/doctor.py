"""``floe doctor``: what is missing on this machine, and how to get it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from floe_images.commands.options import as_json as json_option
from floe_images.commands.options import spec_file
from floe_images.errors import FloeError
from floe_images.progress import Console

if TYPE_CHECKING:
    from floe_images.engine.diagnose import Finding


@click.command()
@spec_file
@json_option
@click.pass_obj
def command(console: Console, file: Path, as_json: bool) -> int:
    """Say what this machine has and lacks: tools, disk, which mirrors are used and who named them.

    Exit code 1 where something is missing that lock or build need.
    """
    findings = list(_examine(file, console))
    lacking = [finding for finding in findings if finding.needed and not finding.ok]
    if as_json:
        rows = [
            {
                "name": finding.name,
                "ok": finding.ok,
                "needed": finding.needed,
                "detail": finding.detail,
                "hint": finding.hint if not finding.ok else "",
            }
            for finding in findings
        ]
        console.json({"ok": not lacking, "findings": rows})
        return 1 if lacking else 0
    for finding in findings:
        mark = "ok" if finding.ok else "MISSING" if finding.needed else "note"
        console.result(f"{mark:<8} {finding.name:<17} {finding.detail}")
        if finding.hint and not finding.ok:
            console.result(f"{'':<26} {finding.hint}")
    console.result("everything that lock and build need is here" if not lacking else f"{len(lacking)} missing")
    return 1 if lacking else 0


def _examine(file: Path, console: Console) -> Iterator[Finding]:
    from floe_images.engine import diagnose
    from floe_images.engine.store import default_store

    yield diagnose.check_python()
    yield diagnose.check_uv()
    yield diagnose.check_compressor()
    yield diagnose.check_disk(default_store())
    yield diagnose.check_interpreter()
    yield diagnose.check_engine()
    yield from _project(file, console)


def _project(file: Path, console: Console) -> Iterator[Finding]:
    """What depends on floe.yaml: where dbt runs, and mirrors."""
    from floe_images.engine import diagnose
    from floe_images.engine.assemble.interpreter import native_platform
    from floe_images.engine.fetch.reach import find_reach
    from floe_images.spec.image import Mirrors
    from floe_images.spec.load import load_spec

    try:
        mirrors, base = Mirrors(), file.absolute().parent
        if file.exists():
            loaded = load_spec(file)
            mirrors, base = loaded.spec.image.mirrors, loaded.base
            if native_platform():  # else that is said of the bytecode
                yield diagnose.check_manifests(loaded.spec.image.platforms)
        reach = find_reach(mirrors, base)
    except FloeError as error:
        yield diagnose.Finding(name="mirrors", ok=False, detail=str(error), hint=error.hint or "")
        return
    for credential in reach.http.settings.credentials:
        console.hide(credential.password.reveal())
    yield from diagnose.check_certificates(reach)
    yield from diagnose.check_index(reach)
    yield from diagnose.check_debian(reach)
