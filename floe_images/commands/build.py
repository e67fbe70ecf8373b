"""``floe build``: floe.yaml and floe.lock → an OCI layout, archives, a loaded image."""

from __future__ import annotations

import os
from pathlib import Path

import click

from floe_images.commands import made
from floe_images.commands.options import as_json as json_option
from floe_images.commands.options import find_links, spec_file
from floe_images.errors import UsageError
from floe_images.image.place import DEBUG_LAYOUT, DEFAULT_LAYOUT
from floe_images.image.platform import Platform
from floe_images.lock.model import LockedImage
from floe_images.plan.make import BuildOptions
from floe_images.progress import Console
from floe_images.project.build import Built, build_image, check_places
from floe_images.project.lock import fresh_lock
from floe_images.project.plan import make_plan
from floe_images.spec.image import PLATFORMS, Revision
from floe_images.spec.load import load_spec
from floe_images.spec.values import Url


@click.command()
@spec_file
@click.option(
    "--platform", "platforms", multiple=True, type=click.Choice(PLATFORMS), help="Only this platform; may be repeated."
)
@click.option("--locked", is_flag=True, help="Refuse where there is no floe.lock.")
@click.option("--frozen", is_flag=True, help="Like --locked, and read nothing but the cache and given folders.")
@click.option("--output", type=click.Path(path_type=Path, file_okay=False), help="Write one archive a platform here.")
@click.option("--load", is_flag=True, help="Load the image into the container engine.")
@click.option("--no-bytecode", is_flag=True, help="Run nothing of the image: no bytecode, no manifests in it.")
@click.option("--debug", is_flag=True, help="Build the second image, with a shell (image.debug).")
@click.option("--source", metavar="URL", help="Where the sources are; instead of image.source.")
@click.option("--revision", metavar="TEXT", help="Which revision this is; instead of image.revision.")
@find_links
@json_option
@click.pass_obj
def command(
    console: Console,
    file: Path,
    platforms: tuple[str, ...],
    locked: bool,
    frozen: bool,
    output: Path | None,
    load: bool,
    no_bytecode: bool,
    debug: bool,
    source: str | None,
    revision: str | None,
    folders: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Build the image: an OCI layout in .floe/image, for every platform of floe.yaml; services' in .floe/services."""
    options = BuildOptions(
        platforms=tuple(map(Platform.parse, platforms)),
        bytecode=not no_bytecode,
        epoch=_epoch(os.environ.get("SOURCE_DATE_EPOCH")),
        source=_checked("--source", Url, source),
        revision=_checked("--revision", Revision, revision),
        debug=debug,
    )
    loaded = load_spec(file)
    check_places(loaded, loaded.base / (DEBUG_LAYOUT if debug else DEFAULT_LAYOUT), output)
    lock = fresh_lock(loaded, progress=console, locked=locked or frozen, folders=folders)
    plan = make_plan(loaded, lock, options=options)
    built = build_image(loaded, lock, plan, output=output, load=load, frozen=frozen, folders=folders, progress=console)
    services: tuple[Built, ...] = ()
    if lock.services and not debug:
        from floe_images.project.services import build_services

        services = build_services(
            loaded, lock, options=options, output=output, load=load, frozen=frozen, folders=folders, progress=console
        )
    documents = [made.built_document(each) for each in services]
    texts = [made.built_text(each) for each in (built, *services)]
    if not debug and any(isinstance(service, LockedImage) for service in lock.services):
        from floe_images.project.copied import copy_services

        for each in copy_services(
            loaded, lock, platforms=options.platforms, output=output, load=load, frozen=frozen, progress=console
        ):
            documents.append(made.copied_document(each))
            texts.append(made.copied_text(each))
    if as_json:
        console.json({**made.built_document(built), **({"services": documents} if documents else {})})
    else:
        console.result("\n".join(texts))


def _checked(option: str, kind: object, value: str | None) -> str | None:
    """The value of an option, once floe.yaml would take it as well."""
    from floe_images.spec.explain import refusal

    wrong = None if value is None else refusal(kind, value)
    if wrong:
        raise UsageError(f"{option}: {wrong}")
    return value


def _epoch(text: str | None) -> int | None:
    """https://reproducible-builds.org/specs/source-date-epoch/: ASCII decimal seconds."""
    if not text:
        return None
    if not (text.isascii() and text.isdecimal()) or len(text) > 10 or int(text) >= 1 << 33:
        raise UsageError(
            "SOURCE_DATE_EPOCH is not a number of seconds", hint="for example SOURCE_DATE_EPOCH=1700000000"
        )
    return int(text)
