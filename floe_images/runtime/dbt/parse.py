"""dbt's manifest as a file, the same bytes wherever it is made.

``python -m floe_images.runtime.dbt.parse --target T --epoch N --output FILE [--placeholders] [--transform PATH]``
reads the project under FLOE_HOME with dbt and writes https://schemas.getdbt.com/dbt/manifest/v12.json as canonical
JSON. With ``--placeholders`` no secret and no variable of floe.yaml's is looked up.

Jinja has no clock while a project is read: its time is N. Where that decides what is in the manifest, the manifest says
so (``prebuilt.CLOCK``), and runs read the project again.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import uuid
import warnings
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, datetime, timezone
from pathlib import Path
from typing import Any

from floe_images.artifacts.events import Event, Said
from floe_images.errors import FloeError, ProjectError, UsageError, disk_error
from floe_images.runtime.dbt.circle import circle
from floe_images.runtime.dbt.drivers import added, settle
from floe_images.runtime.dbt.frugal import import_dbt
from floe_images.runtime.dbt.outcome import one_line
from floe_images.runtime.dbt.prebuilt import CLOCK, ENVIRONMENT, HOME, fingerprint
from floe_images.runtime.dbt.prepare import QUIET, environment, find_project, refuse_cloud, require_adapter, work_folder
from floe_images.runtime.dbt.redact import Redactor
from floe_images.runtime.dbt.sealed import Looked, another, sealed
from floe_images.runtime.dbt.translate import Translator
from floe_images.runtime.places import Places, read_artifacts
from floe_images.runtime.profile import make_profile

_WORK = "/tmp/floe-dbt"  # noqa: S108 (a word in the manifest, no place that is written to)
_LATER = ("child_map", "parent_map", "group_map")  # lists whose order follows that of the folder's files


def make_manifest(
    places: Places,
    *,
    target: str,
    transform: str | None,
    epoch: int,
    placeholders: bool,
    container: Mapping[str, str] | None = None,
) -> bytes:
    """Canonical JSON of dbt's manifest. ``epoch`` in seconds. ``container`` is the whole environment that the image's
    containers have, and which the project sees instead of this process' own. Needs dbt.

    Raise UsageError, ProjectError, DiskError.
    """
    artifacts = read_artifacts(places)
    found = artifacts.target(target)
    if found is None:
        known = ", ".join(each.name for each in artifacts.targets)
        raise UsageError(f"no target {target!r} in floe.yaml", hint=f"the targets are: {known}")
    if transform is None:
        transform = artifacts.transforms[0].path if len(artifacts.transforms) == 1 else ""
    project = find_project(artifacts, places, transform)
    refuse_cloud(project, os.environ)
    require_adapter(found.adapter)
    profile = make_profile(
        artifacts, found, places=places, environ=os.environ, memory=None, placeholders=placeholders
    )  # fmt: skip
    redact = Redactor()
    redact.learn(value for _, value in profile.secrets)
    with ExitStack() as stack:
        folder = stack.enter_context(work_folder(places, profile.document))
        ours = environment(places, project=project, profiles=folder, target=found.name)
        os.environ.update(ours)
        settle(profile)
        import_dbt(found.adapter)
        seen = dict(os.environ)
        if container is not None:
            there = Places.of(container)
            usual = environment(there, project=there.home / transform, profiles=Path(_WORK), target=found.name)
            seen = {**usual, **container, **added(profile, container)}
        read = _Reading(project, folder, found.name, Translator(_say, redact), seen)
        ours_alone = {*ours, *added(profile, seen)}
        moved = {str(places.home): HOME, str(folder): _WORK}

        def text(document: dict[str, Any], looked: Looked, **more: str) -> bytes:
            values = {name: fingerprint(seen.get(name)) for name in sorted(looked.names - ours_alone)}
            said = {ENVIRONMENT: json.dumps(values, sort_keys=True), **more}
            return _canonical(document, epoch=epoch, moved=moved, said=said)

        moment = datetime.fromtimestamp(epoch, timezone.utc)
        document, looked = read(moment)
        data = text(document, looked)
        # dbt renders models to find what they refer to: most that look at the clock leave nothing of it in a manifest.
        if looked.passing and text(read(another(moment), last=True)[0], looked) != data:
            data = text(document, looked, **{CLOCK: "read"})
    return data


@dataclass(frozen=True)
class _Reading:
    """What dbt is to read, and what the project sees of the world."""

    project: Path
    folder: Path
    target: str
    translator: Translator
    environ: Mapping[str, str]

    def __call__(self, moment: datetime, *, last: bool = False) -> tuple[dict[str, Any], Looked]:
        from dbt.cli.main import dbtRunner
        from dbt.env_vars import KNOWN_ENGINE_ENV_VARS

        from floe_images.runtime.dbt.invoke import common_arguments

        with sealed(self.environ, moment=moment, last=last) as looked:
            command = ["parse", *common_arguments(self.project, self.folder, self.target)]
            result = dbtRunner(callbacks=[self.translator]).invoke(command)
        if result.exception is not None:
            if not isinstance(result.exception, Exception):
                raise result.exception
            raise ProjectError(
                one_line(str(result.exception)),
                where=str(self.project),
                hint="mend it; `dbt parse` says the same outside of floe",
            )
        for each in KNOWN_ENGINE_ENV_VARS:  # dbt itself asks for all of them
            looked.names -= {each.name, each.old_name}
        looked.names |= result.result.env_vars.keys()
        document = result.result.writable_manifest().to_dict(omit_none=False)
        if around := circle(document):
            raise ProjectError(
                f"models refer to each other in a circle: {' → '.join([*around, around[0]])}",
                where=str(self.project),
                hint="take one of these ref() out",
            )
        return document, looked


def _canonical(document: dict[str, Any], *, epoch: int, moved: Mapping[str, str], said: Mapping[str, str]) -> bytes:
    """Times and ids from the epoch, places as in the image, one order; whoever makes it gets the same bytes."""
    moment = datetime.fromtimestamp(epoch, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    # Times and ids live in the metadata and in each node's created_at.
    metadata = document["metadata"]
    for key in ("generated_at", "invocation_started_at", "run_started_at"):
        if key in metadata:
            metadata[key] = moment
    metadata["invocation_id"] = str(uuid.UUID(int=epoch))
    metadata["user_id"] = None
    metadata["env"] = dict(said)
    for key in _LATER:
        document[key] = {name: sorted(names) for name, names in (document.get(key) or {}).items()}
    document = _plain(document, created=float(epoch))
    document["disabled"] = {
        name: sorted(each, key=lambda node: json.dumps(node, sort_keys=True))
        for name, each in (document.get("disabled") or {}).items()
    }
    text = json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":")) + "\n"
    for place, word in moved.items():
        text = text.replace(json.dumps(place, ensure_ascii=False)[1:-1], word)
    return text.encode()


def _plain(value: Any, *, created: float) -> Any:
    """The same with every ``created_at`` set; a time (a microbatch model's ``begin``) as its text."""
    if isinstance(value, Mapping):
        return {
            key: created if key == "created_at" and isinstance(item, float) else _plain(item, created=created)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_plain(item, created=created) for item in value]
    if isinstance(value, date):  # datetime is one
        return value.isoformat()
    return value


def _say(event: Event) -> None:
    if isinstance(event, Said) and event.level in ("warn", "error"):
        sys.stderr.write(f"{event.level}: {event.text}\n")


def _write(file: Path, data: bytes) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=file.parent, prefix=f".{file.name}.", delete=False) as new:
            new.write(data)
        Path(new.name).chmod(0o644)
        os.replace(new.name, file)
    except OSError as fault:
        raise disk_error(fault, str(file)) from None


def main(arguments: Sequence[str] | None = None) -> int:
    """0, or the exit code of the error tree."""
    parser = argparse.ArgumentParser(prog="floe_images.runtime.dbt.parse", description="Write dbt's manifest.")
    parser.add_argument("--target", required=True)
    parser.add_argument("--transform", help="the project's path in the artifacts, where there are several")
    parser.add_argument("--epoch", required=True, type=int, help="seconds; every time in the manifest is this one")
    parser.add_argument("--output", required=True, type=Path)
    parser.add_argument("--placeholders", action="store_true", help="look up no secret and no variable")
    given = parser.parse_args(arguments)
    os.environ.update(QUIET)
    warnings.simplefilter("ignore")
    try:
        data = make_manifest(
            Places.of(os.environ),
            target=given.target,
            transform=given.transform,
            epoch=given.epoch,
            placeholders=given.placeholders,
        )
        _write(given.output, data)
    except FloeError as fault:
        sys.stderr.write(f"error: {fault}\n" + (f"hint: {fault.hint}\n" if fault.hint else ""))
        return fault.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
