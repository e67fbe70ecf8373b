"""What the environment, uv's and pip's configuration say about Python indexes, each as one value.

Sources: https://docs.astral.sh/uv/reference/environment/ , https://docs.astral.sh/uv/concepts/configuration-files/ ,
https://pip.pypa.io/en/stable/topics/configuration/
"""

from __future__ import annotations

import configparser
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from floe_images.errors import UsageError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_ETC = Path("/etc")


@dataclass(frozen=True, kw_only=True)
class Named:
    """What one source names. URLs are as somebody wrote them, so they may carry credentials: never shown."""

    source: str  # floe.yaml, UV_*, uv.toml, PIP_*, pip.conf
    where: str  # the variable or the file
    index: str | None = field(default=None, repr=False)
    extra: tuple[str, ...] = field(default=(), repr=False)
    find_links: tuple[str, ...] = field(default=(), repr=False)
    no_index: bool = False
    certificates: str | None = None
    credentials: tuple[tuple[str, str, str], ...] = field(default=(), repr=False)  # (URL, user, password)


def uv_environment(environ: Mapping[str, str]) -> Named:
    default = environ.get("UV_DEFAULT_INDEX") or environ.get("UV_INDEX_URL")
    indexes = [*environ.get("UV_INDEX", "").split(), *environ.get("UV_EXTRA_INDEX_URL", "").split()]
    if default:
        indexes.append(default)
    return Named(
        source="UV_*",
        where=_first_set(environ, "UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_NO_INDEX"),
        index=_after_name(default) if default else None,
        extra=tuple(_after_name(text) for text in indexes if text != default),
        find_links=tuple(text.strip() for text in environ.get("UV_FIND_LINKS", "").split(",") if text.strip()),
        no_index=_true(environ.get("UV_NO_INDEX", "")),
        credentials=tuple(one for text in indexes for one in _named_credential(text, environ)),
    )


def _after_name(text: str) -> str:
    """``name=https://…`` → ``https://…``."""
    name, equals, url = text.partition("=")
    return url if equals and name.replace("-", "").replace("_", "").replace(".", "").isalnum() else text


def _named_credential(text: str, environ: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    url = _after_name(text)
    if url != text:
        name = "".join(char if char.isalnum() else "_" for char in text.partition("=")[0]).upper()
        user, password = environ.get(f"UV_INDEX_{name}_USERNAME", ""), environ.get(f"UV_INDEX_{name}_PASSWORD", "")
        if user or password:
            yield url, user, password


def pip_environment(environ: Mapping[str, str]) -> Named:
    return Named(
        source="PIP_*",
        where=_first_set(environ, "PIP_INDEX_URL", "PIP_NO_INDEX"),
        index=environ.get("PIP_INDEX_URL") or None,
        extra=tuple(environ.get("PIP_EXTRA_INDEX_URL", "").split()),
        find_links=tuple(environ.get("PIP_FIND_LINKS", "").split()),
        no_index=_true(environ.get("PIP_NO_INDEX", "")),
    )


def uv_files(environ: Mapping[str, str]) -> Iterator[Named]:
    """uv.toml of the user, then of the system; ``UV_CONFIG_FILE`` alone where it is set."""
    if _true(environ.get("UV_NO_CONFIG", "")):
        return
    if environ.get("UV_CONFIG_FILE"):
        paths = [Path(environ["UV_CONFIG_FILE"])]
    elif os.name == "nt":
        folders = (environ.get("APPDATA"), environ.get("PROGRAMDATA"))
        paths = [Path(folder) / "uv" / "uv.toml" for folder in folders if folder]
    else:
        user = environ.get("XDG_CONFIG_HOME") or str(_home(environ) / ".config")
        system = [*environ.get("XDG_CONFIG_DIRS", "").split(":"), str(_ETC / "xdg"), str(_ETC)]
        paths = [Path(folder) / "uv" / "uv.toml" for folder in (user, *system) if folder]
    for path in paths:
        if path.is_file():
            yield _uv_file(path, environ)


def _uv_file(path: Path, environ: Mapping[str, str]) -> Named:
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"uv's configuration cannot be read ({type(error).__name__})", where=str(path)) from None
    merged: dict[str, Any] = {**document, **(document["pip"] if isinstance(document.get("pip"), dict) else {})}
    tables = [row for row in merged.get("index", []) if isinstance(row, dict) and isinstance(row.get("url"), str)]
    default = next((row["url"] for row in tables if row.get("default") is True), merged.get("index-url"))
    credentials = tuple(
        one for row in tables if row.get("name") for one in _named_credential(f"{row['name']}={row['url']}", environ)
    )
    return Named(
        source="uv.toml",
        where=str(path),
        index=default if isinstance(default, str) else None,
        extra=(
            *(row["url"] for row in tables if not row.get("default") and not row.get("explicit")),
            *_texts(merged.get("extra-index-url")),
        ),
        find_links=tuple(_texts(merged.get("find-links"))),
        no_index=merged.get("no-index") is True,
        credentials=credentials,
    )


def _texts(value: object) -> list[str]:
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []


def pip_files(environ: Mapping[str, str]) -> Iterator[Named]:
    """pip.conf in the order in which they win: ``PIP_CONFIG_FILE``, the venv's, the user's, the machine's."""
    chosen = environ.get("PIP_CONFIG_FILE")
    if chosen == os.devnull:
        return
    home = _home(environ)
    name = "pip.ini" if os.name == "nt" else "pip.conf"
    site = [Path(sys.prefix) / name]
    if os.name == "nt":
        user = [Path(environ.get("APPDATA", home)) / "pip" / name, home / "pip" / name]
        machine = [Path(environ.get("PROGRAMDATA", r"C:\ProgramData")) / "pip" / name]
    else:
        config = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
        support = Path("Library/Application Support/pip") / name
        user = [home / support, config / "pip" / name, home / ".pip" / name]
        folders = [folder for folder in environ.get("XDG_CONFIG_DIRS", str(_ETC / "xdg")).split(":") if folder]
        machine = [_ETC / name, *(Path(folder) / "pip" / name for folder in folders), Path("/") / support]
    virtual = [Path(environ["VIRTUAL_ENV"]) / name] if environ.get("VIRTUAL_ENV") else []
    own = [Path(chosen)] if chosen and Path(chosen).exists() else []
    for path in dict.fromkeys([*own, *site, *virtual, *(() if own else user), *machine]):
        if path.is_file():
            yield _pip_file(path)


def _pip_file(path: Path) -> Named:
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(path.read_text("utf-8"))
    except (OSError, ValueError, configparser.Error) as error:
        raise UsageError(f"pip's configuration cannot be read ({type(error).__name__})", where=str(path)) from None
    values: dict[str, str] = {}
    for section in ("global", "download", "install"):  # the narrower wins, as in pip
        if parser.has_section(section):
            values |= {key.replace("_", "-"): value for key, value in parser.items(section)}
    return Named(
        source="pip.conf",
        where=str(path),
        index=values.get("index-url") or None,
        extra=tuple(values.get("extra-index-url", "").split()),
        find_links=tuple(values.get("find-links", "").split()),
        no_index=_true(values.get("no-index", "")),
        certificates=values.get("cert") or None,
    )


def _home(environ: Mapping[str, str]) -> Path:
    home = environ.get("HOME") or environ.get("USERPROFILE")
    return Path(home) if home else Path.home()


def _first_set(environ: Mapping[str, str], *names: str) -> str:
    return next((name for name in names if environ.get(name)), "")


def _true(text: str) -> bool:
    return text.lower() in ("1", "true", "yes", "on", "t", "y")
