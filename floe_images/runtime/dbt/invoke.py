"""One dbt invocation in this process: profile, lock, manifest, dbt's own runner, and what became of it."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

from floe_images.artifacts.events import Outcome
from floe_images.artifacts.model import TargetArtifact
from floe_images.errors import DiskError, UsageError
from floe_images.runtime.catalogs.lookup import Lookup
from floe_images.runtime.dbt import outcome as outcomes
from floe_images.runtime.dbt.counting import Counter
from floe_images.runtime.dbt.drivers import settle
from floe_images.runtime.dbt.duckdb_wait import be_patient, close_duckdb, database, waiting_seconds
from floe_images.runtime.dbt.frugal import trust_the_project
from floe_images.runtime.dbt.load import asked, load
from floe_images.runtime.dbt.lock import WriterLock
from floe_images.runtime.dbt.plain import take_any_value
from floe_images.runtime.dbt.prebuilt import load_manifest
from floe_images.runtime.dbt.prepare import (
    environment,
    find_project,
    ignored_profiles,
    refuse_cloud,
    require_adapter,
    work_folder,
)
from floe_images.runtime.dbt.redact import Redactor
from floe_images.runtime.dbt.request import DbtRequest, Order
from floe_images.runtime.dbt.threads import fail_the_node
from floe_images.runtime.dbt.translate import Translator
from floe_images.runtime.limits import memory_limit
from floe_images.runtime.manifests import manifest_path
from floe_images.runtime.profile import PROFILE, make_profile

# An export needs what dbt sets up for any command that reads the project, and nothing of what a command does.
_COMMANDS = {"build": ["build"], "freshness": ["source", "freshness"], "export": ["list"]}


def invoke(order: Order, *, translator: Translator, redact: Redactor) -> tuple[Outcome, str | None]:
    """Run the order and tell ``translator`` of it. Everything that dbt opened is closed afterwards."""
    stack = ExitStack()
    invocation = _Invocation(order, translator, redact, stack)
    try:
        with stack:
            outcome, message = invocation.run()
    except Exception as fault:
        outcome, message = outcomes.of_exception(fault)
    return outcome, outcomes.naming_credentials(message, invocation.credentials)


class _Invocation:
    def __init__(self, order: Order, translator: Translator, redact: Redactor, stack: ExitStack) -> None:
        self._request, self._places, self._artifacts = order.request, order.places, order.artifacts
        self._translator, self._redact, self._stack = translator, redact, stack
        self.credentials: tuple[str, ...] = ()

    def run(self) -> tuple[Outcome, str | None]:
        target = self._target()
        project = find_project(self._artifacts, self._places, self._request.transform)
        refuse_cloud(project, os.environ)
        for line in ignored_profiles(project, os.environ):
            self._translator.say("warn", line)
        require_adapter(target.adapter)
        take_any_value()
        fail_the_node()
        places = self._places
        profile = make_profile(self._artifacts, target, places=places, environ=os.environ, memory=memory_limit())
        self.credentials = profile.credentials
        self._redact.learn(value for _, value in profile.secrets)
        folder = self._stack.enter_context(work_folder(self._places, profile.document))
        os.environ.update(environment(self._places, project=project, profiles=folder, target=target.name))
        settle(profile)
        common = common_arguments(project, folder, target.name)
        manifest = self._manifest(target, common)
        if self._request.command == "parse":
            return "success", None
        self._open(target, profile.document)
        if target.adapter == "postgres":
            self._load(manifest, profile.document)
        return self._invoke(manifest, [*_COMMANDS[self._request.command], *common, *_arguments(self._request)], target)

    def _target(self) -> TargetArtifact:
        target = self._artifacts.target(self._request.target)
        if target is None:
            known = ", ".join(target.name for target in self._artifacts.targets)
            raise UsageError(f"no target {self._request.target!r} in floe.yaml", hint=f"the targets are: {known}")
        return target

    def _manifest(self, target: TargetArtifact, common: list[str]) -> Any:
        """The one made with the image where it fits, else dbt reads the project now."""
        from dbt.cli.main import dbtRunner

        manifest = load_manifest(
            manifest_path(self._places.home, target.name, self._request.transform),
            target=target,
            home=self._places.home,
            environ=os.environ,
            dbt_version=version("dbt-core"),
        )
        if manifest is None:
            result = dbtRunner(callbacks=[self._translator]).invoke(["parse", *common, *_variables(self._request)])
            if result.exception is not None:
                raise result.exception
            manifest = result.result
        else:
            trust_the_project()
        self._translator.manifest = manifest
        return manifest

    def _open(self, target: TargetArtifact, document: Any) -> None:
        """Nobody else may write to a DuckDB file while this runs."""
        if target.adapter != "duckdb":
            return
        say = self._say
        file = database(document, target.name)
        if file:
            if file.exists() and not file.is_file():  # a pipe would be waited for
                raise DiskError("is in the way: the database is a file", where=str(file), hint="move it away")
            lock = self._stack.enter_context(WriterLock(file, run=self._request.run_id))
            lock.acquire(say)
            be_patient(seconds=waiting_seconds(os.environ), say=say)
        self._stack.callback(close_duckdb)

    def _load(self, manifest: Any, document: Any) -> None:
        """What DuckDB reads in place has to be brought into a database that is elsewhere."""
        wanted = asked(
            {"schema": each.schema, "identifier": each.identifier, "name": each.name, "meta": each.meta}
            for each in manifest.sources.values()
        )
        if wanted:
            load(wanted, document, data=self._places.home / "data", say=self._say)

    def _say(self, line: str) -> None:
        self._translator.say("info", line)

    def _invoke(self, manifest: Any, arguments: list[str], target: TargetArtifact) -> tuple[Outcome, str | None]:
        from dbt.cli.main import dbtRunner

        self._translator.counter = Counter(target.adapter, say=self._translator.say)
        callbacks = [self._translator] if self._request.command != "export" else []
        result = dbtRunner(manifest=manifest, callbacks=callbacks).invoke(arguments)
        self._translator.settle(getattr(result.result, "results", None))
        if result.exception is not None:
            return outcomes.of_exception(result.exception)
        self._export(manifest, target)
        finished = self._translator.finished
        if not finished and (self._request.select or self._request.exclude):
            selected = (f"--select {each}" for each in self._request.select)
            wanted = " ".join([*selected, *(f"--exclude {each}" for each in self._request.exclude)])
            return (
                "configuration",
                f"nothing of the dbt project is selected by {wanted} (`dbt ls` takes the same words)",
            )
        return outcomes.of_results(finished.values())

    def _export(self, manifest: Any, target: TargetArtifact) -> None:
        if not self._request.exports:
            return
        from floe_images.runtime.dbt.exports import Exporter

        exporter = Exporter(
            manifest, target, artifacts=self._artifacts, lookup=Lookup(self._places, os.environ),
            translator=self._translator, redact=self._redact,
        )  # fmt: skip
        for each in self._artifacts.exports:
            if each.unique_id in self._request.exports:
                exporter.export(each)


def common_arguments(project: Path, folder: Path, target: str) -> list[str]:
    """Of every invocation: nothing is written but under ``folder``, and nothing is printed, since events tell it."""
    return [
        "--project-dir", str(project), "--profiles-dir", str(folder), "--profile", PROFILE, "--target", target,
        "--target-path", str(folder / "target"), "--log-path", str(folder / "logs"),
        "--log-level", "none", "--log-level-file", "none", "--no-use-colors", "--no-write-json", "--no-partial-parse",
        "--no-send-anonymous-usage-stats",
    ]  # fmt: skip


def _arguments(request: DbtRequest) -> list[str]:
    arguments = _variables(request)
    for option, values in (("--select", request.select), ("--exclude", request.exclude)):
        for value in values:
            if value.startswith("-"):
                raise UsageError(f"{value!r} is not a dbt selection")
            arguments += [option, value]
    if request.command == "build":
        arguments += ["--full-refresh"] if request.full_refresh else []
        arguments += ["--indirect-selection", "empty"] if request.exact else []
    if request.window and request.command == "build":
        start, end = map(_in_utc, request.window)
        arguments += ["--event-time-start", start, "--event-time-end", end]
    return arguments


def _in_utc(moment: str) -> str:
    """As dbt takes an event time: in UTC, without saying so."""
    when = datetime.fromisoformat(moment)
    return (when.astimezone(timezone.utc) if when.tzinfo else when).strftime("%Y-%m-%dT%H:%M:%S")


def _variables(request: DbtRequest) -> list[str]:
    """dbt's ``var('floe_partition')``, ``floe_window_start`` and ``floe_window_end``, where the run has a partition."""
    start, end = request.window or (None, None)
    given = {"floe_partition": request.partition, "floe_window_start": start, "floe_window_end": end}
    known = {name: value for name, value in given.items() if value is not None}
    return ["--vars", json.dumps(known)] if known else []
