"""What the machine's apt knows: its sources and its credentials. Read-only, and empty where there is no apt."""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from floe_images.engine.fetch.http import Credential, origin_of
from floe_images.engine.redact import Secret
from floe_images.engine.resolve.debian_control import paragraphs

_OPTIONS = re.compile(r"\[[^\]]*\]")


@dataclass(frozen=True, kw_only=True)
class AptSource:
    """One archive of one ``deb`` entry: ``uri`` as written, ``where`` is the file that names it."""

    uri: str
    suites: tuple[str, ...]
    components: tuple[str, ...]
    where: str


def apt_sources(root: Path = Path("/etc/apt")) -> tuple[AptSource, ...]:
    """Enabled ``deb`` entries in apt's order (sources.list(5)), one-line and deb822 style.

    Entries that apt itself would not read are passed over. ``mirror+file:`` lists (apt-transport-mirror(1)) are
    replaced by the archives that they name.
    """
    files = [root / "sources.list"]
    parts = root / "sources.list.d"
    files += sorted(path for path in _children(parts) if path.suffix in (".list", ".sources"))
    found = [source for path in files for source in (_deb822(path) if path.suffix == ".sources" else _one_line(path))]
    return tuple(expanded for source in found for expanded in _expand(source))


def apt_credentials(urls: tuple[str, ...], root: Path = Path("/etc/apt")) -> tuple[Credential, ...]:
    """What apt_auth.conf(5) has for these URLs, the first matching entry for each."""
    entries = [entry for path in (root / "auth.conf", *_auth_parts(root)) for entry in _auth_entries(_read(path))]
    found = []
    for url in urls:
        match = next((entry for entry in entries if _matches(entry[0], url)), None)
        if match:
            found.append(Credential(origin_of(url), match[1], match[2]))
    return tuple(found)


def _one_line(path: Path) -> Iterator[AptSource]:
    for line in _read(path).splitlines():
        words = _OPTIONS.sub(" ", line.partition("#")[0], count=1).split()
        if len(words) >= 4 and words[0] == "deb":
            yield AptSource(uri=words[1], suites=(words[2],), components=tuple(words[3:]), where=str(path))


def _deb822(path: Path) -> Iterator[AptSource]:
    try:
        stanzas = list(paragraphs(_read(path)))
    except ValueError:
        return
    for fields in stanzas:
        enabled = fields.get("enabled", "yes").strip().lower() not in ("no", "false", "0", "off", "without", "disable")
        if enabled and "deb" in fields.get("types", "").split():
            for uri in fields.get("uris", "").split():
                yield AptSource(
                    uri=uri,
                    suites=tuple(fields.get("suites", "").split()),
                    components=tuple(fields.get("components", "").split()),
                    where=str(path),
                )


def _expand(source: AptSource) -> Iterator[AptSource]:
    if not source.uri.startswith("mirror+file:"):
        yield source
        return
    for line in _read(Path(source.uri.removeprefix("mirror+file:"))).splitlines():
        words = line.partition("#")[0].split()
        if words:
            yield AptSource(uri=words[0], suites=source.suites, components=source.components, where=source.where)


def _auth_parts(root: Path) -> list[Path]:
    return sorted(path for path in _children(root / "auth.conf.d") if path.suffix == ".conf")


def _auth_entries(text: str) -> Iterator[tuple[str, str, Secret]]:
    try:
        words = shlex.split(text, comments=True)
    except ValueError:
        return
    entry: dict[str, str] = {}
    for key, value in itertools.pairwise(words):
        if key == "machine":
            entry = {"machine": value}
        elif key in ("login", "password") and entry:
            entry[key] = value
            if len(entry) == 3:
                yield entry["machine"], entry["login"], Secret(entry["password"])
                entry = {}


def _matches(machine: str, url: str) -> bool:
    """``[protocol://]host[:port][/path]``; without a protocol only https is meant."""
    protocol, separator, rest = machine.partition("://")
    if not separator:
        protocol, rest = "https", machine
    wanted, actual = urlsplit(f"{protocol}://{rest}"), urlsplit(url)
    same_host = (wanted.scheme, wanted.hostname) == (actual.scheme, actual.hostname)
    same_port = wanted.port in (None, actual.port)
    path = wanted.path.rstrip("/")
    return same_host and same_port and (not path or (actual.path + "/").startswith(path + "/"))


def _children(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
