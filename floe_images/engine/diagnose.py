"""What this machine has and lacks, one finding a question; each check asks and changes nothing."""

from __future__ import annotations

import platform as machine
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from floe_images.engine.fetch.http import Http
from floe_images.engine.fetch.http_errors import PageMissingError
from floe_images.engine.fetch.reach import Reach
from floe_images.engine.redact import redact_url
from floe_images.engine.store import Store
from floe_images.errors import FloeError, MirrorUnreachableError
from floe_images.image.platform import Platform
from floe_images.lock.base_recipe import base_recipe

_ROOM = 6 * 10**9  # bytes: downloads, fragments and layers of the example for both platforms are about 2 GB
_PAGE_LIMIT = 64 * 1024 * 1024
_PROBE = "dbt-core"  # a project that every index for us must carry


@dataclass(frozen=True, kw_only=True)
class Finding:
    """``needed``: lock or build fail without it. ``detail`` says what is there, ``hint`` how to get what is not."""

    name: str
    ok: bool
    detail: str
    hint: str = ""
    needed: bool = True


def check_python() -> Finding:
    version = ".".join(str(part) for part in sys.version_info[:3])
    return Finding(
        name="python",
        ok=sys.version_info >= (3, 10),
        detail=f"{machine.python_implementation()} {version} ({sys.executable})",
        hint="floe needs Python 3.10 or newer",
    )


def check_uv() -> Finding:
    from floe_images.engine.resolve.uv_program import uv_binary

    try:
        binary = uv_binary()
        done = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True, timeout=30)
    except FloeError as error:
        return Finding(name="uv", ok=False, detail=error.message, hint=error.hint or "")
    except (OSError, subprocess.SubprocessError) as error:
        return Finding(name="uv", ok=False, detail=f"does not run ({type(error).__name__})", hint="pip install uv")
    return Finding(name="uv", ok=True, detail=f"{done.stdout.strip()} ({binary})")


def check_compressor() -> Finding:
    from floe_images.engine.assemble.packer import tools

    try:
        from zlib_ng import zlib_ng

        zlib_ng.compress(b"floe")
        return Finding(name="compressor", ok=True, detail=", ".join(f"{name} {version}" for name, version in tools()))
    except Exception as error:  # an extension module that does not fit the machine may raise anything
        hint = "reinstall floe-images for this Python: pip install --force-reinstall floe-images"
        return Finding(name="compressor", ok=False, detail=f"zlib-ng does not load ({type(error).__name__})", hint=hint)


def check_disk(store: Store) -> Finding:
    folder = store.root
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    return Finding(
        name="disk",
        ok=free >= _ROOM,
        detail=f"{free / 10**9:.1f} GB free for the cache in {store.root}",
        hint=f"{_ROOM / 10**9:.0f} GB are comfortable; `floe cache prune`, or set FLOE_CACHE_DIR to a larger disk",
        needed=False,
    )


def check_index(reach: Reach) -> Iterator[Finding]:
    """Which Python index won, from where, and whether it answers."""
    index = reach.index
    who = f"{index.source}, {index.where}" if index.source != "default" else "the default: nothing names another"
    if index.index is None:
        yield Finding(name="python index", ok=True, detail=f"none ({who}): folders only")
    else:
        detail = f"{redact_url(index.index)} ({who})"
        yield _probe(reach.http, "python index", f"{index.index.rstrip('/')}/{_PROBE}/", detail)
    for url in index.extra:
        yield Finding(name="extra index", ok=True, detail=redact_url(url), needed=False)
    for link in index.find_links:
        there = link in index.link_pages or Path(link).is_dir()
        detail = redact_url(link) if link in index.link_pages else link
        yield Finding(
            name="find-links",
            ok=there,
            detail=detail if there else f"{detail} is no folder, so it is left out",
            hint="make the folder, or take it out of the configuration",
            needed=False,
        )


def check_debian(reach: Reach) -> Iterator[Finding]:
    """Which Debian archives are used, from where, and whether they answer."""
    suite = base_recipe().suite
    for name, places, release in (
        ("debian archive", reach.debian.archive, suite),
        ("debian security", reach.debian.security, f"{suite}-security"),
    ):
        findings = [
            _probe(
                reach.http,
                name,
                f"{mirror.url}/dists/{release}/InRelease",
                f"{redact_url(mirror.url)} ({mirror.found})",
            )
            for mirror in places
        ]
        # The first that answers is used; the others matter only where none does.
        yield next((finding for finding in findings if finding.ok), findings[0])
    if reach.debian.snapshot:
        mirror = reach.debian.snapshot
        yield Finding(
            name="debian snapshot", ok=True, detail=f"{redact_url(mirror.url)} ({mirror.found})", needed=False
        )


def _probe(http: Http, name: str, url: str, detail: str) -> Finding:
    try:
        http.get(url, _PAGE_LIMIT)
    except PageMissingError:
        return Finding(
            name=name, ok=False, detail=f"{detail} has no {url.rpartition('/')[2] or _PROBE}", hint=_INDEX_HINT
        )
    except MirrorUnreachableError as error:
        return Finding(
            name=name, ok=False, detail=f"{detail}: {error.message}", hint=f"check the network, or {_INDEX_HINT}"
        )
    except FloeError as error:
        return Finding(name=name, ok=False, detail=f"{detail}: {error.message}", hint=error.hint or _INDEX_HINT)
    return Finding(name=name, ok=True, detail=f"{detail} answers")


_INDEX_HINT = "name another in image.mirrors of floe.yaml, or in the environment"


def check_certificates(reach: Reach) -> Iterator[Finding]:
    for path in reach.certificates:
        yield Finding(name="certificates", ok=True, detail=str(path), needed=False)


def check_interpreter() -> Finding:
    """Whether the image's interpreter, which makes the bytecode of any platform, can be run on this machine."""
    from floe_images.engine.assemble.interpreter import host_platform

    try:
        return Finding(name="bytecode", ok=True, detail=f"the image's interpreter for {host_platform()} runs here")
    except FloeError as error:
        return Finding(name="bytecode", ok=False, detail=error.message, hint=error.hint or "")


def check_manifests(platforms: Sequence[Platform]) -> Finding:
    """Whether anything here runs dbt in an image of one of ``platforms``, those of floe.yaml."""
    from floe_images.engine.assemble.interpreter import native_platform, no_workshop
    from floe_images.engine.docker.connect import connect

    name, here = "manifests", native_platform()
    if here in platforms:
        return Finding(name=name, ok=True, detail=f"dbt of the image for {here} runs here")
    try:
        with connect() as engine:
            own = Platform("linux", engine.architecture)
    except FloeError as error:
        refused = no_workshop(platforms, error.message)
    else:
        if own in platforms:
            return Finding(name=name, ok=True, detail=f"dbt of the image for {own} runs in the container engine")
        emulated = next((each for each in platforms if _emulated(each)), None)
        if emulated:
            return Finding(name=name, ok=True, detail=f"dbt of the image for {emulated} runs in the engine, by qemu")
        refused = no_workshop(platforms, f"the container engine runs {own} alone")
    return Finding(name=name, ok=False, detail=refused.message, hint=refused.hint or "")


def _emulated(platform: Platform) -> bool:
    """Whether this machine's kernel, which the engine's is on Linux, hands programs of ``platform`` to qemu.

    https://docs.kernel.org/admin-guide/binfmt-misc.html
    """
    try:
        said = Path(f"/proc/sys/fs/binfmt_misc/qemu-{platform.machine}").read_text(encoding="utf-8")
    except OSError:
        return False
    return said.startswith("enabled")


def check_engine() -> Finding:
    """Whether a container engine answers: it is needed to load and run an image, not to build one."""
    from floe_images.engine.docker.connect import connect

    name = "container engine"
    try:
        with connect() as engine:
            detail = f"Docker {engine.version} on linux/{engine.architecture}, {engine.store} image store"
            return Finding(name=name, ok=True, detail=detail, needed=False)
    except FloeError as error:
        hint = "building needs none; to load and run: install Docker and start it, or set DOCKER_HOST"
        return Finding(name=name, ok=False, detail=error.message, hint=hint, needed=False)
