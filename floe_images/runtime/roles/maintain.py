"""The role ``maintain``: old snapshots, orphaned files and small files of the Iceberg catalogs in floe.yaml."""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import sys
from collections.abc import Sequence
from datetime import timedelta

from floe_images.artifacts.model import CatalogArtifact
from floe_images.errors import FloeError, InfrastructureError, UsageError
from floe_images.runtime import log
from floe_images.runtime.catalogs.client import pyiceberg
from floe_images.runtime.catalogs.lookup import Lookup
from floe_images.runtime.catalogs.maintenance import Policy, Work, perform, plan_table, tables, utc_now
from floe_images.runtime.catalogs.table import open_catalog
from floe_images.runtime.places import Places, read_artifacts
from floe_images.runtime.roles.arguments import Arguments
from floe_images.runtime.roles.family import end_with_stdin

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_LEAST = timedelta(days=1)  # no write of a model takes as long


def run(arguments: Sequence[str]) -> int:
    """0, or what the error tree says. stdout: a line a table that has something to do, or ``--json`` one document."""
    usual = Policy()
    parser = Arguments("maintain")
    parser.add_argument("names", nargs="*", metavar="CATALOG", help="catalogs of floe.yaml; none: all of them")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
    parser.add_argument("--keep", type=_age, default=usual.keep, metavar="AGE", help="of snapshots, such as 7d")
    parser.add_argument("--keep-last", type=int, default=usual.keep_last, metavar="N", help="snapshots in any case")
    parser.add_argument(
        "--orphans", type=_age, default=usual.orphans, metavar="AGE", help="of files that nothing refers to, such as 3d"
    )
    parser.add_argument("--json", action="store_true", help="write one JSON document")
    parser.add_argument("--until-stdin-closes", action="store_true", help="end with whoever started it")
    options = parser.parse_args(arguments)
    if options.orphans < _LEAST:
        raise UsageError("--orphans must be a day or more", hint="a younger file may belong to a write under way")
    if options.keep_last < 1:
        raise UsageError("--keep-last must be 1 or more")
    log.set_up("maintain", os.environ)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if options.until_stdin_closes:
        end_with_stdin()
    places = Places.of(os.environ)
    policy = Policy(keep=options.keep, keep_last=options.keep_last, orphans=options.orphans)
    told: list[dict[str, object]] = []
    for catalog in _chosen(read_artifacts(places).catalogs, options.names):
        for work in _maintained(catalog, Lookup(places, os.environ), policy, dry=options.dry_run):
            told.append(_document(catalog.name, work))
            if not options.json:
                sys.stdout.write(f"{log.one_line(_line(catalog.name, work, dry=options.dry_run))}\n")
                sys.stdout.flush()
    if options.json:
        sys.stdout.write(json.dumps({"dry_run": options.dry_run, "tables": told}) + "\n")
    elif not told:
        sys.stdout.write("nothing to do\n")
    return 0


def _maintained(catalog: CatalogArtifact, lookup: Lookup, policy: Policy, *, dry: bool) -> list[Work]:
    """What was done, or would be. Raise InfrastructureError where the catalog or its store does not do its part."""
    properties = pyiceberg(catalog, lookup)
    for secret in properties.secrets:
        log.hide(secret)
    found: list[Work] = []
    try:
        client = open_catalog(catalog.name, properties)
        for identifier in sorted(tables(client)):
            work = plan_table(client, identifier, policy, now=utc_now())
            if work and not dry:
                perform(client, work)
            if work:
                found.append(work)
    except FloeError:
        raise
    except Exception as fault:
        raise InfrastructureError(
            f"{type(fault).__name__}: {log.one_line(str(fault))[:500]}",
            where=f"catalogs.{catalog.name}",
            hint="what was done before is done; run it again",
        ) from fault
    return found


def _chosen(catalogs: tuple[CatalogArtifact, ...], names: Sequence[str]) -> tuple[CatalogArtifact, ...]:
    known = {catalog.name: catalog for catalog in catalogs}
    for name in names:
        if name not in known:
            raise UsageError(f"no catalog {name!r} in floe.yaml", hint=f"there is: {', '.join(known) or 'none'}")
    return tuple(known[name] for name in names) if names else catalogs


def _document(catalog: str, work: Work) -> dict[str, object]:
    return {
        "catalog": catalog,
        "table": list(work.table),
        "rewrite": work.rewrite and {"files": work.rewrite.data_files, "delete_files": work.rewrite.delete_files},
        "expire": list(work.expire),
        "remove": [{"location": file.location, "size": file.size} for file in work.remove],
    }


def _line(catalog: str, work: Work, *, dry: bool) -> str:
    parts = []
    if work.rewrite:
        parts.append(f"rewrite {work.rewrite.data_files} files with {work.rewrite.delete_files} of deletes")
    if work.expire:
        parts.append(f"expire {len(work.expire)} snapshots")
    if work.remove:
        parts.append(f"remove {len(work.remove)} files ({sum(file.size for file in work.remove):,} bytes)")
    return f"{'would ' if dry else ''}{', '.join(parts)}: {catalog}.{'.'.join(work.table)}"


def _age(text: str) -> timedelta:
    found = re.fullmatch(r"([0-9]{1,9})([smhd])", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no age such as 36h or 7d")
    return timedelta(seconds=int(found[1]) * _UNITS[found[2]])
