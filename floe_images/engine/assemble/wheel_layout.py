"""Where each file of a wheel goes in an image, read from its metadata before anything is unpacked.

Source: https://packaging.python.org/specifications/binary-distribution-format/ (schemes, scripts) and
https://packaging.python.org/specifications/entry-points/.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from packaging.utils import InvalidName, InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from floe_images.engine.assemble.record import RecordLine, read_record
from floe_images.engine.assemble.wheel_zip import Member, WheelZip
from floe_images.plan.places import HEADERS, INTERPRETER, LOCAL, SCRIPTS, SITE

_ENTRY_POINT = re.compile(
    r"(?P<module>[^\W\d]\w*(?:\.[^\W\d]\w*)*)\s*:\s*(?P<attr>[^\W\d]\w*(?:\.[^\W\d]\w*)*)\s*(?:\[[^\[\]]*\])?"
)
_SCRIPT_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")
# Written by whoever installs, and signatures that cannot hold once RECORD is the installer's.
_INSTALLER_FILES = ("RECORD", "RECORD.jws", "RECORD.p7s", "INSTALLER", "REQUESTED", "direct_url.json")


@dataclass(frozen=True, kw_only=True)
class Placed:
    """A member of the wheel and its path in the image; ``script`` where its first line may have to be rewritten."""

    path: str
    member: Member
    script: bool
    digest: str  # what the wheel's RECORD says, `sha256=…`


@dataclass(frozen=True, kw_only=True)
class WheelLayout:
    """``placed`` and ``scripts`` (path → text) sorted by path; ``info`` is the .dist-info folder in the image."""

    name: str
    info: str
    placed: tuple[Placed, ...]
    scripts: tuple[tuple[str, bytes], ...]


def read_layout(wheel: WheelZip, *, file_name: str, name: str, version: str) -> WheelLayout:
    """``name`` (normalized) and ``version`` are what the lock promises.

    Raises HostileArchiveError where the wheel is another project's, lacks what the specification asks for, or is not
    mentioned in its own RECORD file by file.
    """
    prefix = _dist_info(wheel, file_name, name, version)
    _check_wheel_version(wheel, prefix)
    record = _record(wheel, prefix)
    placed: dict[str, Placed] = {}
    for member in wheel.members.values():
        if member.name in {f"{prefix}.dist-info/{each}" for each in _INSTALLER_FILES}:
            continue
        line = record.get(member.name)
        if line is None or not line.digest:
            raise wheel.hostile(f"{member.name} is not in the wheel's RECORD")
        path, script = _place(wheel, member.name, prefix, name)
        if path in placed:
            raise wheel.hostile(f"{member.name} and {placed[path].member.name} go to the same place")
        placed[path] = Placed(path=path, member=member, script=script, digest=line.digest)
    scripts = {f"{SCRIPTS}/{script}": text for script, text in _entry_points(wheel, prefix)}
    # As installers do: a generated script wins over a file of the same name.
    return WheelLayout(
        name=name,
        info=f"{SITE}/{prefix}.dist-info",
        placed=tuple(placed[path] for path in sorted(placed) if path not in scripts),
        scripts=tuple(sorted(scripts.items())),
    )


def site_path(path: str) -> str:
    """A path as prune rules see it: relative to dist-packages where it lies there, else from the image's root."""
    return path.removeprefix(SITE + "/")


def _dist_info(wheel: WheelZip, file_name: str, name: str, version: str) -> str:
    try:
        file_project, file_version, _, _ = parse_wheel_filename(file_name)
    except (InvalidWheelFilename, InvalidVersion, InvalidName):
        raise wheel.hostile(f"{file_name!r} is not a wheel's file name") from None
    found = sorted({top for each in wheel.members if (top := each.split("/")[0]).endswith(".dist-info")})
    if len(found) != 1:
        raise wheel.hostile(f"one .dist-info folder is wanted, there are {len(found)}")
    prefix = found[0].removesuffix(".dist-info")
    info_name, _, info_version = prefix.rpartition("-")
    metadata = _headers(wheel, f"{prefix}.dist-info/METADATA")
    named = {file_project, canonicalize_name(info_name), canonicalize_name(metadata.get("name", ""))}
    if named != {name}:
        raise wheel.hostile(f"it is called {', '.join(sorted(named - {name}))} inside, not {name}")
    try:
        versions = {file_version, Version(info_version), Version(metadata.get("version", "")), Version(version)}
    except InvalidVersion as error:
        raise wheel.hostile(str(error)) from None
    if len(versions) != 1:
        raise wheel.hostile(f"it says several versions: {', '.join(sorted(map(str, versions)))}")
    return prefix


def _check_wheel_version(wheel: WheelZip, prefix: str) -> None:
    version = _headers(wheel, f"{prefix}.dist-info/WHEEL").get("wheel-version", "")
    if version.split(".")[0] != "1":
        raise wheel.hostile(f"Wheel-Version {version[:20]!r} is not 1.x")


def _headers(wheel: WheelZip, name: str) -> dict[str, str]:
    from email.parser import HeaderParser

    try:
        message = HeaderParser().parsestr(wheel.read(name, limit=16_000_000).decode("utf-8", "replace"))
    except KeyError:
        raise wheel.hostile(f"{name} is missing") from None
    return {key.lower(): str(value).strip() for key, value in message.items()}


def _record(wheel: WheelZip, prefix: str) -> dict[str, RecordLine]:
    name = f"{prefix}.dist-info/RECORD"
    try:
        return read_record(wheel.read(name))
    except KeyError:
        raise wheel.hostile(f"{name} is missing") from None
    except (ValueError, UnicodeDecodeError) as error:
        raise wheel.hostile(f"{name} cannot be read: {error}") from None


def _place(wheel: WheelZip, member: str, prefix: str, name: str) -> tuple[str, bool]:
    top, _, rest = member.partition("/")
    if not top.endswith(".data"):
        return f"{SITE}/{member}", False
    if top != f"{prefix}.data":
        raise wheel.hostile(f"{top} is another project's data folder")
    scheme, _, path = rest.partition("/")
    folders = {"purelib": SITE, "platlib": SITE, "scripts": SCRIPTS, "data": LOCAL, "headers": f"{HEADERS}/{name}"}
    if scheme not in folders or not path or (scheme == "scripts" and "/" in path):
        raise wheel.hostile(f"{member} is of no install scheme")
    return f"{folders[scheme]}/{path}", scheme == "scripts"


def _entry_points(wheel: WheelZip, prefix: str) -> list[tuple[str, bytes]]:
    name = f"{prefix}.dist-info/entry_points.txt"
    if name not in wheel.members:
        return []
    import configparser

    parser = configparser.ConfigParser(delimiters=("=",), interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        parser.read_string(wheel.read(name).decode("utf-8"))
    except (configparser.Error, UnicodeDecodeError):
        raise wheel.hostile(f"{name} cannot be read") from None
    found = []
    for section in ("console_scripts", "gui_scripts"):
        for script, target in parser.items(section) if parser.has_section(section) else ():
            match = _ENTRY_POINT.fullmatch(target.strip())
            if not match or not _SCRIPT_NAME.fullmatch(script):
                raise wheel.hostile(f"the entry point {script!r} is not one")
            found.append((script, _script(match["module"], match["attr"])))
    return found


def _script(module: str, attr: str) -> bytes:
    first = attr.split(".")[0]
    return (
        f"#!{INTERPRETER}\nimport sys\n\nfrom {module} import {first}\n\n"
        f'if __name__ == "__main__":\n    sys.exit({attr}())\n'
    ).encode()


_SHEBANG = re.compile(rb"#![^\r\n]*?\bpythonw?[\d.]*(?=[ \t\r\n]|\Z)")


def rewrite_shebang(data: bytes) -> bytes:
    """``#!python``, and any other path to a Python, becomes the image's interpreter; options stay."""
    match = _SHEBANG.match(data)
    return b"#!" + INTERPRETER.encode() + data[match.end() :] if match else data
