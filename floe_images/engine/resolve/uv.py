"""uv as a resolver: requirements in, a PEP 751 document out; it is told everything and finds nothing by itself.

Credentials reach it through its environment and a private file, never through its arguments.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from floe_images.engine.fetch.http import Http
from floe_images.engine.fetch.indexes import IndexSettings
from floe_images.engine.redact import redact_text
from floe_images.engine.resolve.index_words import index_words, no_index
from floe_images.engine.resolve.uv_index import authenticated_links, index_arguments, uv_environment, write_private
from floe_images.engine.resolve.uv_program import GLIBC, uv_binary
from floe_images.engine.store import Store
from floe_images.errors import (
    DiskError,
    DiskFullError,
    FloeError,
    MirrorContentError,
    MirrorRefusedError,
    MirrorUnreachableError,
    ResolveError,
    TruncatedDownloadError,
)
from floe_images.image.platform import Platform

_MISSING = "was not found in the package registry"
_LONGEST = 1500  # characters of uv's reason
_NO_ACCESS = "give credentials in floe.yaml's mirrors, in netrc, or in the index's URL in the environment"
_NETWORK = "check the network and the index (`floe doctor` says which is used)"
_ANOTHER = "the index has something else under this name; ask who runs it, or use another index"
# What uv's words mean, the first that fits; the line that fits is what is told.
_MEANINGS: tuple[tuple[str, type[FloeError], str], ...] = (
    (r"No space left on device", DiskFullError, "free some space and run it again"),
    (
        r"Failed to initialize cache|Permission denied|Read-only file system|Not a directory",
        DiskError,
        "uv's cache cannot be used: let UV_CACHE_DIR or FLOE_CACHE_DIR name a folder that may be written",
    ),
    (r"proxy auth", MirrorRefusedError, "give the proxy's credentials"),
    (r"tunnel error", MirrorUnreachableError, "check the proxy"),
    (r"401 Unauthorized|403 Forbidden|407 Proxy Auth", MirrorRefusedError, _NO_ACCESS),
    (r"before message length", TruncatedDownloadError, "run it again"),
    (r"404 Not Found|410 Gone|unexpected (JSON|HTML)|Failed to unzip|central directory", MirrorContentError, _ANOTHER),
    (
        r"dns error|timed out|Connection refused|UnknownIssuer|peer certificate|status server error|429 Too Many",
        MirrorUnreachableError,
        _NETWORK,
    ),
    (r"error sending request|client error|error decoding response body", MirrorUnreachableError, _NETWORK),
)


@dataclass(frozen=True, kw_only=True)
class Upgrade:
    """Which of the pins that are there may change: none, all, or the named ones (normalized)."""

    everything: bool = False
    names: tuple[str, ...] = ()


def compile_lock(
    requirements: Sequence[str],
    *,
    platform: Platform,
    python: str,
    index: IndexSettings,
    http: Http,
    folders: Sequence[Path] = (),
    constraints: Sequence[str] = (),
    pins: Mapping[str, str] | None = None,
    upgrade: Upgrade | None = None,
    store: Store,
) -> bytes:
    """The resolution for one platform as PEP 751 TOML (`uv pip compile --format pylock.toml`), wheels only.

    ``pins`` (name → version) are kept where they fit unless ``upgrade`` frees them; ``constraints`` must hold.
    """
    cache = uv_cache(store)
    with store.folder("resolve") as work:
        output = work / "pylock.toml"
        write_private(work / "requirements.in", [*authenticated_links(index, http), *requirements])
        write_private(work / "constraints.txt", constraints)
        if pins:
            output.write_text(_pins_document(pins), "utf-8")
        arguments = [
            *("pip", "compile", "--quiet", "--no-config", "--no-header", "--no-python-downloads", "--color", "never"),
            *("--format", "pylock.toml", "--only-binary", ":all:", "--python", sys.executable),
            *("--python-version", python),
            *("--python-platform", f"{platform.machine}-manylinux_{GLIBC[0]}_{GLIBC[1]}"),
            *_upgrade_arguments(upgrade or Upgrade()),
            *index_arguments(index, http, folders),
            *("--constraints", "constraints.txt", "--output-file", output.name, "requirements.in"),
        ]
        done = subprocess.run(
            [uv_binary(), *arguments],
            cwd=work,
            env=uv_environment(index, http) | ({"UV_CACHE_DIR": str(cache)} if cache else {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            check=False,
        )
        if done.returncode:
            error = failure(done.stderr.decode("utf-8", "replace"), platform, http, index)
            if isinstance(error, ResolveError):
                raise no_index(requirements, index, http) or error
            raise error
        return output.read_bytes()


def _pins_document(pins: Mapping[str, str]) -> str:
    rows = "".join(f'[[packages]]\nname = "{name}"\nversion = "{version}"\n' for name, version in sorted(pins.items()))
    return f'lock-version = "1.0"\ncreated-by = "floe"\n{rows}'


def _upgrade_arguments(upgrade: Upgrade) -> list[str]:
    names = [argument for name in upgrade.names for argument in ("--upgrade-package", name)]
    return ["--upgrade"] if upgrade.everything else names


def uv_cache(store: Store, environ: Mapping[str, str] = os.environ) -> Path | None:
    """Where uv's cache goes; None for its usual folder, which all that uses uv shares.

    In ours where the user gave us one, or where the usual one cannot be written.
    """
    if environ.get("UV_CACHE_DIR"):
        return None
    if os.name == "nt":
        usual = Path(environ.get("LOCALAPPDATA") or store.root) / "uv" / "cache"
    else:
        home = environ.get("HOME")
        usual = Path(environ.get("XDG_CACHE_HOME") or (Path(home) if home else Path.home()) / ".cache") / "uv"
    there = next(path for path in (usual, *usual.parents) if os.path.lexists(path))
    usable = there.is_dir() and os.access(there, os.W_OK)
    return store.root / "uv" if environ.get("FLOE_CACHE_DIR") or not usable else None


def failure(text: str, platform: object, http: Http, index: IndexSettings | None = None) -> FloeError:
    """uv's stderr → a leaf of the error tree, in one line and without credentials. ``platform``: who it was for."""
    about_index = index_words(index) if index else ""
    clean = redact_text(text, [credential.password for credential in http.settings.credentials])
    lines = [re.sub(r"^(error|cause|hint|×|╰─▶|├─▶|│)[:\s]*", "", line.strip()) for line in clean.splitlines()]
    lines = [line for line in lines if line and not line.startswith("warning:")]
    where = f"Python for {platform}"
    for pattern, error, hint in _MEANINGS:
        telling = next((line for line in lines if re.search(pattern, line)), None)
        if telling:
            about = next((line for line in lines if line.startswith("Failed to fetch") and line != telling), "")
            if error is DiskError:
                return DiskError(": ".join(lines)[:_LONGEST], where=where, hint=hint)
            if about_index and error is not DiskFullError:
                hint = f"{hint}; {about_index}"
            return error(f"{about}{': ' if about else ''}{telling}"[:_LONGEST], where=where, hint=hint)
    # "No solution found": the lines after it say why.
    reason = " ".join(lines[1:] if len(lines) > 1 and lines[0].startswith("No solution found") else lines)
    hint = "change adapters or image.python_packages in floe.yaml"
    if about_index and _MISSING in reason:
        hint = f"{hint}; {about_index}"
    return ResolveError(reason[:_LONGEST] or "uv gave no reason", where=where, hint=hint)
