"""``floe cache``: how large the cache is, and making it smaller."""

from __future__ import annotations

import math

import click

from floe_images.commands.options import as_json as json_option
from floe_images.errors import UsageError
from floe_images.progress import Console

_UNITS = ("B", "kB", "MB", "GB", "TB")
_WHAT = {
    "downloads": "wheels, Debian packages and data, by their sha256",
    "fragments": "packed parts of layers",
    "blobs": "finished layers",
    "memo": "notes of what was found out once",
    "trees": "unpacked interpreters",
    "environments": "what `floe run` runs in",
    "uv": "uv's own cache, where it cannot have its usual place",
    "tmp": "what runs are writing, or have left",
}


@click.group(invoke_without_command=True, no_args_is_help=False)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Show or prune the cache. It lies in FLOE_CACHE_DIR, or in the user's cache folder. By itself it is `size`."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(size, as_json=False)


@command.command()
@json_option
@click.pass_obj
def size(console: Console, as_json: bool) -> None:
    """Show where the cache lies and how large each part is."""
    from floe_images.engine.store import default_store

    store = default_store()
    try:
        sizes = store.sizes()
    except OSError as error:
        raise store.failure(error) from error
    total = sum(found for _, found in sizes.values())
    if as_json:
        parts = {kind: {"files": files, "bytes": found} for kind, (files, found) in sizes.items()}
        console.json({"folder": str(store.root), "bytes": total, "parts": parts})
        return
    console.result(str(store.root))
    for kind, (files, found) in sizes.items():
        console.result(f"{human(found):>9}  {files:>7} files  {kind:<10} {_WHAT.get(kind, '')}".rstrip())
    console.result(f"{human(total):>9}  in all")


@command.command()
@click.option(
    "--days", type=click.FloatRange(min=0), help="Keep what was used in so many days; everything goes unless given."
)
@json_option
@click.pass_obj
def prune(console: Console, days: float | None, as_json: bool) -> None:
    """Remove what is in the cache; a later build fetches and packs it again."""
    from floe_images.engine.store import default_store

    if days is not None and not math.isfinite(days):
        raise UsageError(f"--days {days} is not a number of days", hint="for example --days 30")
    store = default_store()
    try:
        freed = store.prune(keep_days=days)
    except OSError as error:
        raise store.failure(error) from error
    if as_json:
        console.json({"folder": str(store.root), "freed": freed})
    else:
        console.result(f"{human(freed)} freed in {store.root}")


def human(amount: int) -> str:
    """Bytes in powers of a thousand: ``1.4 GB``."""
    value = float(amount)
    for unit in _UNITS:
        if value < 1000 or unit == _UNITS[-1]:
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
