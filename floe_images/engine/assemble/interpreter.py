"""The image's own Python, run on this machine: unpacked from its Debian packages and started through its own loader.

No chroot, no root, no container: the loader is told where the libraries are (ld.so(8), ``--library-path``). Bytecode
does not depend on the processor, so the packages of this machine's architecture serve for images of any.
"""

from __future__ import annotations

import hashlib
import platform as machine
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from floe_images.engine.assemble.deb import deb_entries
from floe_images.engine.assemble.prune import PruneRules
from floe_images.engine.store import Store
from floe_images.engine.verified import verified
from floe_images.errors import InterpreterError
from floe_images.image.platform import Platform
from floe_images.lock.model import LockedDeb
from floe_images.plan.model import DebPart
from floe_images.plan.places import PYTHON

# Enough for compile() and marshal; the rest of the standard library is not needed.
PACKAGES = ("libc6", "libexpat1", f"libpython{PYTHON}-minimal", f"python{PYTHON}-minimal", "zlib1g")
_LOADERS = {"amd64": "ld-linux-x86-64.so.2", "arm64": "ld-linux-aarch64.so.1"}
_HINT = "build on Linux (amd64 or arm64) or in a Linux container, or make a labelled image without both: --no-bytecode"
_LAYOUT = 1  # changes with what is unpacked


@dataclass(frozen=True, kw_only=True)
class Interpreter:
    """``argv`` starts it (options and code are to be added) with ``env`` as its whole environment."""

    argv: tuple[str, ...]
    env: Mapping[str, str]


def native_platform() -> Platform | None:
    """The platform whose programs run here; None on anything but Linux on amd64 or arm64."""
    known = [Platform("linux", architecture) for architecture in _LOADERS] if sys.platform == "linux" else []
    return next((platform for platform in known if machine.machine() == platform.machine), None)


def host_platform() -> Platform:
    """``native_platform``. Raises InterpreterError where there is none."""
    platform = native_platform()
    if platform:
        return platform
    raise InterpreterError(
        f"the image's Python does not run on {machine.system()} {machine.machine()}, "
        "so bytecode and dbt's manifests cannot be made",
        hint=_HINT,
    )


def no_workshop(platforms: Sequence[Platform], why: str) -> InterpreterError:
    """What is said where neither this machine nor an engine runs an image of ``platforms``; ``why`` is the engine's
    part of it."""
    here, wanted = native_platform(), " or ".join(map(str, platforms))
    if here is None:
        hint = _HINT
    else:
        added = f"add {here} to image.platforms, `floe lock`, `floe build --platform {platforms[0]}`"
        engine = f"a container engine that runs {wanted} (with qemu registered, on another architecture)"
        hint = f"{added}; or {engine}; or an image without bytecode and manifests: --no-bytecode"
    return InterpreterError(
        f"dbt has to read the project with the image's Python for {wanted}, which does not run on {machine.system()} "
        f"{machine.machine()}, and {why}",
        hint=hint,
    )


def interpreter_debs(debs: Iterable[LockedDeb]) -> tuple[LockedDeb, ...]:
    """Those of one platform's packages that the interpreter needs. Raises InterpreterError where one is missing."""
    found = {deb.name: deb for deb in debs}
    missing = [name for name in PACKAGES if name not in found]
    if missing:
        raise InterpreterError(f"the lock has no {missing[0]} for this machine", hint="floe lock --upgrade")
    return tuple(found[name] for name in PACKAGES)


def interpreter_version(debs: Iterable[LockedDeb]) -> str:
    """What bytecode depends on: the version of the interpreter's package, the same on every architecture.

    Raises InterpreterError where it is missing.
    """
    name = f"python{PYTHON}-minimal"
    version = next((deb.version for deb in debs if deb.name == name), None)
    if version is None:
        raise InterpreterError(f"the lock has no {name}", hint="floe lock --upgrade")
    return version


def unpack_interpreter(debs: tuple[LockedDeb, ...], files: Mapping[str, Path], store: Store) -> Interpreter:
    """The interpreter of this machine's architecture, unpacked into the cache where it is not there yet.

    ``files`` maps each package's sha256 to its file. Raises InterpreterError, HostileArchiveError, DiskError.
    """
    platform = host_platform()
    key = hashlib.sha256(f"{_LAYOUT} {sorted(deb.file.sha256 for deb in debs)}".encode()).hexdigest()
    tree = store.find("trees", key)
    if tree is None:
        temporary = store.temporary("interpreter")
        try:
            for deb in debs:
                _unpack(verified(files[deb.file.sha256], deb.file.sha256, deb.file.name), deb, temporary, platform)
            tree = store.adopt("trees", key, temporary)
        except OSError as error:
            raise store.failure(error) from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    tree = tree.resolve()
    return Interpreter(
        argv=command(tree, platform),
        env={
            "LC_ALL": "C.UTF-8",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONHASHSEED": "0",
            "PYTHONHOME": str(tree / "usr"),
            "PYTHONNOUSERSITE": "1",
            "PYTHONUTF8": "1",
        },
    )


def command(tree: Path, platform: Platform) -> tuple[str, ...]:
    """What starts the interpreter that lies below ``tree`` as it would in an image; options and code are to be added.

    Its environment needs PYTHONHOME, since it is not where it was built for.
    """
    libraries = tree / "usr/lib" / platform.multiarch
    loader = libraries / _LOADERS[platform.architecture]
    return str(loader), "--library-path", str(libraries), str(tree / f"usr/bin/python{PYTHON}")


def _unpack(path: Path, deb: LockedDeb, root: Path, platform: Platform) -> None:
    """The package's libraries and programs below ``root``; links that could lead elsewhere are not made."""
    wanted = (f"usr/bin/python{PYTHON}", f"usr/lib/python{PYTHON}/", f"usr/lib/{platform.multiarch}/")
    # Nothing is pruned: which files an image leaves out must not change what this machine runs.
    entries = deb_entries(path, DebPart(deb=deb, skip_scripts=True), rules=PruneRules(rules=(), digest=""))
    for entry, content in entries:
        if not entry.path.startswith(wanted):
            continue
        target = root / entry.path
        target.parent.mkdir(parents=True, exist_ok=True)
        if entry.kind == "file":
            with open(target, "wb") as stream:
                for chunk in content():
                    stream.write(chunk)
            target.chmod(entry.mode | 0o600)
        elif entry.kind == "symlink" and "/" not in entry.link:
            target.symlink_to(entry.link)
