"""``floe secrets``: the files that floe.yaml's references stand for. Values go in, and never come out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from floe_images.commands.options import as_json as json_option
from floe_images.commands.options import spec_file
from floe_images.errors import ProjectError, UsageError
from floe_images.progress import Console
from floe_images.spec.load import Loaded, load_spec

if TYPE_CHECKING:
    from floe_images.plan.secrets import NamedSecret

_LONGEST = 1 << 20  # bytes; a service account's key is 2 kB


@click.group()
def command() -> None:
    """Make, list, set and rotate the secrets that floe.yaml refers to: files in .floe/secrets or FLOE_SECRETS_DIR."""


@command.command()
@spec_file
@click.pass_obj
def init(console: Console, file: Path) -> int:
    """Make those that floe's own services ask for, where there are none; name those that only you can give."""
    from floe_images.site.secret_files import make_missing, there

    loaded = load_spec(file)
    folder, named = _folder(loaded), _named(loaded)
    made = make_missing(folder, named)
    for name in made:
        console.result(f"made {name}")
    for each in named:
        if there(folder, each.name):
            continue
        if each.form == "polaris":
            when = "`floe up`" if each.service else "`floe catalog apply`"
            console.note(f"{each.name} is made by Polaris, at {when} ({each.settings[0]})")
        elif not each.service:
            console.note(f"{each.name} is yours to give ({each.settings[0]}): floe secrets set {each.name}")
    if not made:
        console.note("nothing to make")
    return 0


@command.command("list")
@spec_file
@json_option
@click.pass_obj
def list_(console: Console, file: Path, as_json: bool) -> int:
    """Name each secret, who asks for it and whether it is there. Exit code 5 where one is missing.

    What floe's own Polaris makes comes later: `floe up` fetches it.
    """
    from floe_images.site.secret_files import there

    loaded = load_spec(file)
    folder, named = _folder(loaded), _named(loaded)
    found = [(each, there(folder, each.name)) for each in named]
    if as_json:
        console.json(
            {
                "folder": str(folder),
                "secrets": [
                    {"name": each.name, "there": is_there, "made_for": each.service, "settings": list(each.settings)}
                    for each, is_there in found
                ],
            }
        )
    else:
        width = max((len(each.name) for each in named), default=0)
        for each, is_there in found:
            word = "there" if is_there else "later" if _is_made_at_up(each) else "missing"
            console.result(f"{each.name:<{width}}  {word:<7}  {', '.join(each.settings)}")
    missing = [each.name for each, is_there in found if not is_there and not _is_made_at_up(each)]
    if missing:
        raise ProjectError(f"missing: {', '.join(missing)}", hint="`floe secrets init`, `floe secrets set NAME`")
    return 0


@command.command("set")
@spec_file
@click.argument("name")
@click.pass_obj
def set_(console: Console, file: Path, name: str) -> int:
    """Take the value of NAME from a terminal, which does not show it, or from stdin."""
    from floe_images.site.changed import note_changed
    from floe_images.site.secret_files import write_secret

    loaded = load_spec(file)
    known = [each.name for each in _named(loaded)]
    if name not in known:
        raise UsageError(
            f"floe.yaml refers to no secret {name!r}", hint=f"it refers to: {', '.join(known) or 'none at all'}"
        )
    value = _value(name)
    note_changed(loaded.base, (name,))
    write_secret(_folder(loaded), name, value)
    console.note(f"{name} is set")
    return 0


@command.command()
@spec_file
@click.option("--all", "everything", is_flag=True, help="All that floe makes.")
@click.option("--wait", type=click.IntRange(0), default=3600, show_default=True, help="Seconds to wait for runs.")
@click.option("--interrupt-runs", "interrupt", is_flag=True, help="End runs that are under way; they count as failed.")
@click.argument("names", nargs=-1, metavar="NAME...")
@click.pass_obj
def rotate(console: Console, file: Path, everything: bool, wait: int, interrupt: bool, names: tuple[str, ...]) -> int:
    """Give the secrets NAME new values, and make whoever reads them anew, while the platform stays up.

    Runs that are under way end first, and no new run begins before that.
    """
    from floe_images.project.lock import fresh_lock
    from floe_images.site.pause import Pace
    from floe_images.site.rotate import rotate_secrets

    if everything is bool(names):
        raise UsageError("name the secrets, or all of them: --all")
    loaded = load_spec(file)
    lock = fresh_lock(loaded, progress=console, locked=True, folders=())
    for name in rotate_secrets(loaded, lock, names, pace=Pace(wait=wait, interrupt=interrupt), progress=console):
        console.result(f"rotated {name}")
    return 0


def _is_made_at_up(each: NamedSecret) -> bool:
    return each.form == "polaris" and each.service is not None


def _value(name: str) -> str:
    if sys.stdin.isatty():
        value = str(click.prompt(name, hide_input=True, err=True))
    else:
        data = sys.stdin.buffer.read(_LONGEST + 1)
        if len(data) > _LONGEST:
            raise UsageError("stdin has more than 1 MB: that is no secret")
        try:
            value = data.decode("utf-8")
        except UnicodeDecodeError:
            raise UsageError("the secret is not UTF-8 text") from None
        value = value.removesuffix("\n").removesuffix("\r")
    if not value:
        raise UsageError("the secret is empty", hint=f"floe secrets set {name} < FILE")
    return value


def _named(loaded: Loaded) -> tuple[NamedSecret, ...]:
    from floe_images.plan.secrets import named_secrets
    from floe_images.render.artifacts import compile_artifacts
    from floe_images.site.composition import service_names

    return named_secrets(compile_artifacts(loaded.spec, None), service_names(loaded.spec))


def _folder(loaded: Loaded) -> Path:
    from floe_images.engine.environment.home import home_of

    return home_of(loaded.base).secrets
