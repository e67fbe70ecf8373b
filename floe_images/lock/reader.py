"""Reading floe.lock: bytes in, a Lock out, and nothing unchecked in between."""

from __future__ import annotations

import re
import sys

from floe_images.errors import LockFormatError
from floe_images.image.platform import Platform
from floe_images.lock.model import (
    LOCK_VERSION,
    DebianSnapshot,
    Lock,
    LockedData,
    LockedDeb,
    LockedFile,
    LockedImage,
    LockedManifest,
    LockedRecipe,
    LockedService,
    LockedWheel,
)
from floe_images.lock.names import is_deb_of, is_wheel_for, is_wheel_of
from floe_images.lock.seal import is_sealed
from floe_images.lock.table import HINT, Table

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

LOCK_LIMIT = 32 * 1024 * 1024  # bytes; a lock of 300 packages is about 150 kB

_SHA256 = re.compile(r"[0-9a-f]{64}")
_PROJECT = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_PYTHON_VERSION = re.compile(r"([0-9]+!)?[0-9]+(\.[0-9]+)*[A-Za-z0-9.+_-]{0,80}")
_PYTHON = re.compile(r"3\.[0-9]{1,2}")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,127}")
_DISTRIBUTION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]{0,250}\.(tar\.gz|tar\.bz2|tar\.xz|zip|whl)")
_DEBIAN_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]{1,127}")
_DEBIAN_VERSION = re.compile(r"([0-9]+:)?[0-9][A-Za-z0-9.+~:-]{0,120}")
_POOL = re.compile(r"pool(/[A-Za-z0-9][A-Za-z0-9.+~_:%-]{0,200}){2,8}\.deb")
_SERVICE = re.compile(r"[a-z][a-z0-9]{0,30}(-[a-z0-9]{1,30}){0,4}")
# https://github.com/distribution/reference and the OCI image-spec's ``descriptor.md``.
_REFERENCE = re.compile(r"[A-Za-z0-9\[][][A-Za-z0-9._:/@-]{0,500}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_STEP = r"(?!\.{1,2}(?:[/!]|$))[^/!\\\x00-\x1f\x7f]{1,255}"
_MEMBER = re.compile(rf"{_STEP}([/!]{_STEP}){{0,40}}")
_PLACE = re.compile(rf"/opt/floe/data(/{_STEP}){{1,40}}")  # as floe.yaml's `data` takes them


def read_lock(data: bytes, where: str) -> Lock:
    """The lock in ``data``; ``where`` is the file's name for messages. Raise LockFormatError for anything else."""
    return _lock(_open(data, where))


def read_services(data: bytes, where: str) -> tuple[LockedService, ...]:
    """Of a file that locks services alone. Raise LockFormatError for anything else."""
    table = _open(data, where)
    services = table.sorted_by("service", table.each("service", read_service), lambda each: each.service)
    table.end()
    return services


def _open(data: bytes, where: str) -> Table:
    """The document, once its version and its seal are right."""
    if len(data) > LOCK_LIMIT:
        raise LockFormatError(f"larger than {LOCK_LIMIT} bytes, so not a lock", where=where)
    if not data.strip():
        raise LockFormatError("is empty", where=where, hint=HINT)
    try:
        document = tomllib.loads(data.decode())
    except (ValueError, RecursionError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise LockFormatError(f"not readable as TOML: {reason}", where=where, hint=HINT) from None
    if "version" not in document:
        raise LockFormatError("names no lock version, so it is no lock", where=where, hint=HINT)
    version = document.pop("version")
    if version != LOCK_VERSION or isinstance(version, bool):
        raise LockFormatError(
            f"lock version {version!r:.40}, and this floe reads version {LOCK_VERSION}",
            where=where,
            hint="use the floe that wrote it, or delete it and run `floe lock`",
        )
    if not is_sealed(data):
        raise LockFormatError("was edited by hand or badly merged", where=where, hint=HINT)
    document.pop("content", None)
    return Table(document, where, "")


def _lock(table: Table) -> Lock:
    platforms = tuple(table.parse_platform(text, "platforms") for text in table.take("platforms", list))
    if not platforms:
        raise table.wrong("no platform", "platforms")
    tools = table.table("tools")
    debian = table.table("debian")
    lock = Lock(
        inputs=table.text("inputs", _SHA256),
        platforms=table.sorted_by("platforms", platforms, lambda platform: platform),
        python=table.text("python", _PYTHON),
        tools=tuple(sorted((name, tools.text(name, _WORD)) for name in list(tools.rows))),
        snapshot=read_snapshot(debian),
        debian=_closures(debian.table("packages")),
        wheels=table.sorted_by("wheel", table.each("wheel", _wheel), lambda wheel: wheel.name),
        data=table.sorted_by("data", table.each("data", _data), lambda data: data.name),
        debian_inputs=debian.text("inputs", _SHA256) if "inputs" in debian.rows else "",
        services=table.sorted_by("service", table.each("service", read_service), lambda each: each.service),
    )
    debian.end()
    table.end()
    missing = [str(platform) for platform in lock.platforms if platform not in dict(lock.debian)]
    if missing:
        raise debian.wrong(f"nothing for {', '.join(missing)}", "packages")
    for service in lock.services:
        has = dict(service.manifests if isinstance(service, LockedImage) else service.debian)
        lacking = [str(platform) for platform in lock.platforms if platform not in has]
        if lacking:
            raise table.wrong(f"nothing of {service.service} for {', '.join(lacking)}", "service")
    return lock


def read_service(table: Table) -> LockedService:
    """One element of ``[[service]]``. Raises LockFormatError."""
    name = table.text("name", _SERVICE)
    if "reference" in table.rows:
        manifests = table.table("manifests")
        image = LockedImage(
            service=name,
            reference=table.text("reference", _REFERENCE),
            index=table.text("index", _DIGEST),
            manifests=tuple(
                sorted(
                    (manifests.parse_platform(each, each), _manifest(manifests.table(each)))
                    for each in list(manifests.rows)
                )
            ),
        )
        table.end()
        return image
    recipe = LockedRecipe(
        service=name,
        recipe=table.text("recipe", _SERVICE),
        version=table.text("version", _DEBIAN_VERSION),
        inputs=table.text("inputs", _SHA256),
        time=table.time("time"),
        debian=_closures(table.table("debian")),
        wheels=table.sorted_by("wheel", table.each("wheel", _wheel), lambda wheel: wheel.name),
    )
    table.end()
    return recipe


def _manifest(table: Table) -> LockedManifest:
    manifest = LockedManifest(digest=table.text("digest", _DIGEST), size=table.size("size"))
    table.end()
    return manifest


def _closures(table: Table) -> tuple[tuple[Platform, tuple[LockedDeb, ...]], ...]:
    """The packages of each platform, each only once and of the right architecture."""
    closures = tuple(
        sorted(
            (table.parse_platform(name, name), table.sorted_by(name, table.each(name, _deb), lambda deb: deb.name))
            for name in list(table.rows)
        )
    )
    for platform, debs in closures:
        for deb in debs:
            if deb.architecture not in ("all", platform.architecture):
                raise table.wrong(f"{deb.name} is for {deb.architecture}", str(platform))
    return closures


def read_snapshot(debian: Table) -> DebianSnapshot:
    """Suite, time and dates of a ``[debian]`` table."""
    dates = debian.table("dates")
    return DebianSnapshot(
        suite=debian.text("suite", _WORD),
        time=debian.time("time"),
        dates=tuple(sorted((name, dates.time(name)) for name in list(dates.rows))),
    )


def _deb(table: Table) -> LockedDeb:
    pool = table.text("pool", _POOL)
    file = LockedFile(name=pool.rpartition("/")[2], size=table.size("size"), sha256=table.text("sha256", _SHA256))
    deb = LockedDeb(
        name=table.text("name", _DEBIAN_NAME),
        version=table.text("version", _DEBIAN_VERSION),
        architecture=table.text("architecture", re.compile("amd64|arm64|all")),
        archive=table.text("archive", re.compile("debian(-security)?")),
        pool=pool,
        source=table.text("source", _DEBIAN_NAME),
        file=file,
    )
    if not is_deb_of(deb):
        raise table.wrong(f"{file.name[:80]!r} is not {deb.name} {deb.version} for {deb.architecture}", "pool")
    table.end()
    return deb


def _wheel(table: Table) -> LockedWheel:
    wheel = LockedWheel(
        name=table.text("name", _PROJECT),
        version=table.text("version", _PYTHON_VERSION),
        files=table.sorted_by("files", table.each("files", _wheel_file), lambda item: str(item[0] or "")),
    )
    if not wheel.files:
        raise table.wrong("no file", "files")
    for platform, file in wheel.files:
        if not is_wheel_of(wheel, file.name):
            raise table.wrong(f"{file.name[:80]!r} is not a wheel of {wheel.name} {wheel.version}", "files")
        if not is_wheel_for(platform, file.name):
            raise table.wrong(f"{file.name[:80]!r} is not a wheel for {platform or 'every platform'}", "files")
    table.end()
    return wheel


def _wheel_file(table: Table) -> tuple[Platform | None, LockedFile]:
    platform = table.platform("platform") if "platform" in table.rows else None
    file = _file(table)
    table.end()
    return platform, file


def _data(table: Table) -> LockedData:
    inner = table.table("file")
    data = LockedData(
        name=table.text("name", _WORD),
        package=table.text("package", _PROJECT),
        version=table.text("version", _PYTHON_VERSION),
        file=_file(inner),
        member=table.text("member", _MEMBER),
        place=table.text("place", _PLACE),
        sha256=table.text("sha256", _SHA256),
        size=table.size("size"),
    )
    inner.end()
    table.end()
    return data


def _file(table: Table) -> LockedFile:
    return LockedFile(
        name=table.text("name", _DISTRIBUTION), size=table.size("size"), sha256=table.text("sha256", _SHA256)
    )
