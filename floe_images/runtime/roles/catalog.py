"""The role ``catalog``: what floe.yaml's managed catalogs lack in their servers, told (plan) or made (apply)."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence

from floe_images.artifacts.model import Reference, Setting
from floe_images.artifacts.secrets import look_up
from floe_images.errors import CatalogDriftError, UsageError
from floe_images.runtime import log
from floe_images.runtime.dbt.lock import WriterLock
from floe_images.runtime.places import Places, read_artifacts
from floe_images.runtime.polaris.apply import apply
from floe_images.runtime.polaris.changes import Change, document
from floe_images.runtime.polaris.client import PolarisClient
from floe_images.runtime.polaris.desired import desired, seen_at
from floe_images.runtime.polaris.difference import difference
from floe_images.runtime.polaris.kept import Kept
from floe_images.runtime.polaris.observe import observe
from floe_images.runtime.polaris.state import Desired, PolarisState, Server
from floe_images.runtime.roles.arguments import Arguments
from floe_images.runtime.roles.family import end_with_stdin


def run(arguments: Sequence[str]) -> int:
    """0, or what the error tree says; with ``--check`` CatalogDriftError's code where there is something to change.

    stdout: a line for each change, or with ``--json`` one document.
    """
    parser = Arguments("catalog")
    parser.add_argument("verb", choices=("plan", "apply"), help="tell the changes, or make them")
    parser.add_argument("names", nargs="*", metavar="NAME", help="managed catalogs of floe.yaml; none: all of them")
    parser.add_argument("--check", action="store_true", help="with plan: fail where there is something to change")
    parser.add_argument("--at", metavar="URL", help="the server's address as seen from here, without /api")
    parser.add_argument("--json", action="store_true", help="write one JSON document")
    parser.add_argument("--until-stdin-closes", action="store_true", help="end with whoever started it")
    parser.add_argument("--readable", action="store_true", help="all may read a secret that is written: for containers")
    options = parser.parse_intermixed_args(arguments)
    if options.check and options.verb != "plan":
        raise UsageError("--check is an option of catalog plan")
    log.set_up("catalog", os.environ)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if options.until_stdin_closes:
        end_with_stdin()
    places = Places.of(os.environ)
    asked = _Asked(places, os.environ)
    wanted = desired(read_artifacts(places), asked.resolve, names=options.names)
    kept = Kept(places.secrets, readable=options.readable)
    told = _Told(as_json=options.json, applied=options.verb == "apply")
    if options.at and len(wanted) > 1:
        raise UsageError("--at is one server's address, and these catalogs are of several", hint="name a catalog")
    try:
        for each in wanted:
            server = seen_at(each.server, options.at) if options.at else each.server
            client = PolarisClient(server, asked.credential(server))
            if options.verb == "plan":
                for change in difference(each.state, observe(client, each.state, kept)):
                    told.tell(server, change)
            else:
                _apply(client, each.state, kept, told, places)
    except BaseException:
        if told.changes:  # what has been made before is made
            told.close(wanted)
        raise
    told.close(wanted)
    if options.check and told.changes:
        count = f"{len(told.changes)} changes" if len(told.changes) > 1 else "a change"
        raise CatalogDriftError(
            f"floe.yaml asks for {count} that Polaris does not have yet", hint="floe catalog apply makes them"
        )
    return 0


def _apply(client: PolarisClient, wanted: PolarisState, kept: Kept, told: _Told, places: Places) -> None:
    # A credential is shown once: of two that apply at the same time, each would void what the other has written.
    with WriterLock(places.state / "catalog", run="of floe catalog apply") as lock:
        lock.acquire(_warn)
        apply(
            client,
            wanted,
            kept,
            tell=lambda change: told.tell(client.server, change),
            again=lambda why: _warn(f"looking again: {why}"),
            pause=time.sleep,
        )


def _warn(text: str) -> None:
    import logging

    logging.getLogger("floe").warning("%s", text)


class _Asked:
    """Looks up what floe.yaml only refers to."""

    def __init__(self, places: Places, environ: Mapping[str, str]) -> None:
        self._places = places
        self._environ = environ

    def resolve(self, setting: Setting, path: str) -> str:
        if isinstance(setting, Reference):
            return look_up(setting, setting=path, environ=self._environ, folder=self._places.secrets)
        return str(setting)

    def credential(self, server: Server) -> str | None:
        if server.credential is None:
            return None
        found = self.resolve(server.credential, f"{server.setting}.manage.credential")
        log.hide(found)
        return found


class _Told:
    """What is written to stdout: lines as changes come, or one document at the end."""

    def __init__(self, *, as_json: bool, applied: bool) -> None:
        self.changes: list[dict[str, object]] = []
        self._as_json = as_json
        self._applied = applied

    def tell(self, server: Server, change: Change) -> None:
        self.changes.append({"server": server.management_uri, **document(change)})
        if not self._as_json:
            sys.stdout.write(f"{log.one_line(str(change))}\n")
            sys.stdout.flush()

    def close(self, wanted: Sequence[Desired]) -> None:
        names = [catalog.name for each in wanted for catalog in each.state.catalogs]
        if self._as_json:
            document = {"applied": self._applied, "catalogs": names, "changes": self.changes}
            sys.stdout.write(f"{json.dumps(document)}\n")
        elif not self.changes:
            sys.stdout.write(f"nothing to change: {', '.join(names)}\n")
