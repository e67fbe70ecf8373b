"""``floe build``: floe.yaml and floe.lock → an OCI layout, archives, a loaded image."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from floe_images.commands.lock import LOCK_FILE, load_lock, reach_for, save_lock, update_lock
from floe_images.commands.options import as_json as json_option
from floe_images.commands.options import find_links, spec_file
from floe_images.engine.assemble.build import assemble
from floe_images.engine.assemble.interpreter import host_platform
from floe_images.engine.assemble.packer import tools
from floe_images.engine.docker.connect import connect
from floe_images.engine.docker.load import LoadedImage, load_archive
from floe_images.engine.fetch.fetch import cached, fetch
from floe_images.engine.fetch.sources import folders_of, make_sources, requests_for
from floe_images.engine.store import Store, default_store
from floe_images.errors import DiskError, LockMissingError, ToolVersionError, UsageError, disk_error
from floe_images.image.archive import write_archive
from floe_images.image.build import BuiltImage, build_image
from floe_images.image.layout import BlobPath, write_layout
from floe_images.image.place import DEBUG_LAYOUT, DEFAULT_LAYOUT, archive_name
from floe_images.image.platform import Platform
from floe_images.image.reference import Reference
from floe_images.lock.model import Lock
from floe_images.lock.stale import check_fresh
from floe_images.plan.make import BuildOptions, make_plan
from floe_images.plan.model import Plan
from floe_images.progress import Console
from floe_images.render.files import rendered_files
from floe_images.spec.image import PLATFORMS, Revision
from floe_images.spec.load import Loaded, load_spec
from floe_images.spec.values import Url


@dataclass(frozen=True, kw_only=True)
class Built:
    """What a build made. ``digest`` is the index's, over every platform that was built."""

    reference: str
    digest: str
    layout: Path
    images: tuple[BuiltImage, ...]
    archives: tuple[Path, ...] = ()
    loaded: LoadedImage | None = None


@click.command()
@spec_file
@click.option(
    "--platform", "platforms", multiple=True, type=click.Choice(PLATFORMS), help="Only this platform; may be repeated."
)
@click.option("--locked", is_flag=True, help="Refuse where there is no floe.lock.")
@click.option("--frozen", is_flag=True, help="Like --locked, and read nothing but the cache and given folders.")
@click.option("--output", type=click.Path(path_type=Path, file_okay=False), help="Write one archive a platform here.")
@click.option("--load", is_flag=True, help="Load the image into the container engine.")
@click.option("--no-bytecode", is_flag=True, help="Leave the bytecode out; the image starts slower and says so.")
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
    """Build the image: an OCI layout in .floe/image, for every platform of floe.yaml."""
    options = BuildOptions(
        platforms=tuple(map(Platform.parse, platforms)),
        bytecode=not no_bytecode,
        epoch=_epoch(os.environ.get("SOURCE_DATE_EPOCH")),
        source=_checked("--source", Url, source),
        revision=_checked("--revision", Revision, revision),
        debug=debug,
    )
    loaded = load_spec(file)
    layout = loaded.base / (DEBUG_LAYOUT if debug else DEFAULT_LAYOUT)
    _check_places(layout, output, loaded)
    store = default_store()
    with store.in_use():
        lock = _lock(loaded, console, locked=locked or frozen, folders=folders)
        plan = make_plan(loaded.spec, lock, options=options, rendered=rendered_files(loaded.spec, lock))
        files = _fetch(plan, lock, loaded, store, console, frozen=frozen, folders=folders)
        images = _assemble(plan, lock, files, loaded.base, store, console)
        digest = _write_layout(plan, images, layout, store, console)
        reference = Reference.parse(plan.reference)
        archives = _write_archives(reference, images, output, store) if output else ()
        loaded_image = _load(reference, images, archives, store, console) if load else None
    built = Built(
        reference=plan.reference, digest=digest, layout=layout, images=images, archives=archives, loaded=loaded_image
    )
    if as_json:
        console.json(_document(built))
    else:
        console.result(_text(built))


def _checked(option: str, kind: object, value: str | None) -> str | None:
    """The value of an option, once floe.yaml would take it as well."""
    from floe_images.spec.explain import refusal

    wrong = None if value is None else refusal(kind, value)
    if wrong:
        raise UsageError(f"{option}: {wrong}")
    return value


def _check_places(layout: Path, output: Path | None, loaded: Loaded) -> None:
    """What is in the way is found before the work; archives in a transform's folder would go into the next image."""
    for folder in (layout.parent, layout):
        if os.path.lexists(folder) and not folder.is_dir():
            raise DiskError(
                "is in the way: floe keeps the image in a folder of that name", where=str(folder), hint="move it away"
            )
    for transform in loaded.spec.transforms:
        if output and Path(os.path.realpath(output)).is_relative_to(os.path.realpath(loaded.base / transform.path)):
            raise UsageError(
                f"--output {output} lies in the transform {transform.path}, and all of that goes into the image",
                hint="choose a folder outside of it",
            )


def _epoch(text: str | None) -> int | None:
    """https://reproducible-builds.org/specs/source-date-epoch/: ASCII decimal seconds."""
    if not text:
        return None
    if not (text.isascii() and text.isdecimal()) or len(text) > 10 or int(text) >= 1 << 33:
        raise UsageError(
            "SOURCE_DATE_EPOCH is not a number of seconds", hint="for example SOURCE_DATE_EPOCH=1700000000"
        )
    return int(text)


def _lock(loaded: Loaded, console: Console, *, locked: bool, folders: Sequence[Path]) -> Lock:
    """The lock that belongs to floe.yaml; made now where there is none and ``locked`` does not forbid it."""
    path = loaded.base / LOCK_FILE
    try:
        lock = load_lock(path)
    except LockMissingError:
        if locked:
            raise
        console.note(f"there is no {LOCK_FILE}: making it (commit it with floe.yaml)")
        lock = update_lock(loaded, console, folders=folders)
        save_lock(path, lock)
    check_fresh(lock, loaded.spec, path.name)
    if lock.tools != tools():
        ours = ", ".join(f"{name} {version}" for name, version in tools())
        theirs = ", ".join(f"{name} {version}" for name, version in lock.tools)
        raise ToolVersionError(
            f"locked for {theirs}, but this floe packs with {ours}, which gives other digests",
            where=path.name,
            hint="install the floe-images that made the lock, or run `floe lock` to accept the new digests",
        )
    return lock


def _fetch(
    plan: Plan, lock: Lock, loaded: Loaded, store: Store, console: Console, *, frozen: bool, folders: Sequence[Path]
) -> dict[str, Path]:
    """Every locked file that the plan needs. Mirrors are not even looked for where the cache has all."""
    requests = requests_for(
        lock,
        [image.platform for image in plan.images],
        interpreter=host_platform() if plan.bytecode else None,
    )
    files = cached(requests, store)
    if len(files) == len(requests):
        return files
    reach = reach_for(loaded, console)
    return fetch(
        requests,
        sources=make_sources(reach, lock.snapshot.time),
        store=store,
        progress=console,
        frozen=frozen,
        folders=folders_of(reach, folders),
    )


def _assemble(
    plan: Plan, lock: Lock, files: Mapping[str, Path], project: Path, store: Store, console: Console
) -> tuple[BuiltImage, ...]:
    assembled = assemble(
        plan,
        files=files,
        project=project,
        store=store,
        progress=console,
        interpreter=lock.debs(host_platform()) if plan.bytecode else (),
    )
    return tuple(
        build_image(image.platform, image.layers, image.config, epoch=plan.epoch, annotations=plan.annotations)
        for image in assembled
    )


def _write_layout(plan: Plan, images: Sequence[BuiltImage], folder: Path, store: Store, console: Console) -> str:
    console.phase("write")
    return write_layout(
        folder,
        images,
        reference=Reference.parse(plan.reference),
        annotations=plan.annotations,
        blob_path=_blobs(store),
    )


def _blobs(store: Store) -> BlobPath:
    return lambda digest: store.path("blobs", digest.hex)


def _write_archives(reference: Reference, images: Sequence[BuiltImage], folder: Path, store: Store) -> tuple[Path, ...]:
    paths = tuple(folder / archive_name(reference, image.platform) for image in images)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise disk_error(error, str(folder)) from error
    for path, image in zip(paths, images, strict=True):
        write_archive(path, image, reference=reference, blob_path=_blobs(store))
    return paths


def _load(
    reference: Reference, images: Sequence[BuiltImage], archives: Sequence[Path], store: Store, console: Console
) -> LoadedImage:
    """Into the engine that the environment names, the image of the engine's own platform."""
    with connect() as engine:
        wanted = Platform("linux", engine.architecture)
        for number, image in enumerate(images):
            if image.platform == wanted:
                with _archive(reference, image, archives[number] if archives else None, store) as path:
                    return load_archive(engine, path, console)
    raise UsageError(f"the engine runs {wanted}, which was not built", hint=f"build it, too: --platform {wanted}")


@contextlib.contextmanager
def _archive(reference: Reference, image: BuiltImage, there: Path | None, store: Store) -> Iterator[Path]:
    if there:
        yield there
        return
    path = store.temporary("load")
    try:
        write_archive(path, image, reference=reference, blob_path=_blobs(store))
        yield path
    finally:
        path.unlink(missing_ok=True)


def _document(built: Built) -> dict[str, object]:
    return {
        "reference": built.reference,
        "digest": built.digest,
        "layout": str(built.layout),
        "images": [
            {
                "platform": str(image.platform),
                "manifest": image.manifest_digest,
                "config": image.config_digest,
                "size": image.packed_size,
                "unpacked": image.unpacked_size,
                "layers": len(image.layers),
                "made": [layer.name for layer in image.layers if layer.rebuilt],
            }
            for image in built.images
        ],
        "archives": [str(path) for path in built.archives],
        "loaded": built.loaded.id if built.loaded else None,
    }


def _text(built: Built) -> str:
    lines = [f"{built.reference} {built.digest}"]
    for image in built.images:
        made = sum(layer.rebuilt for layer in image.layers)
        lines.append(
            f"{image.platform}: {image.unpacked_size / 1e6:.1f} MB in {len(image.layers)} layers, "
            f"{image.packed_size / 1e6:.1f} MB compressed; "
            f"{made} layers made, {len(image.layers) - made} from the cache"
        )
    lines.append(f"layout: {built.layout}")
    lines += [f"archive: {path}" for path in built.archives]
    if built.loaded:
        lines.append(f"loaded: {built.loaded.reference} ({built.loaded.platform})")
    return "\n".join(lines)
