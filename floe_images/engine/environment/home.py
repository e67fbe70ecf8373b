"""What lies under ``/opt/floe`` in the image, laid out on this machine below ``.floe/home``; the state beside it."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from floe_images.engine.assemble.data_part import data_entries
from floe_images.engine.environment.make import Environment
from floe_images.engine.store import disk_error
from floe_images.engine.verified import verified
from floe_images.engine.write import write_whole
from floe_images.image.place import FLOE_FOLDER
from floe_images.lock.model import Lock, LockedData
from floe_images.plan.places import DATA, DUCKDB, FLOE, PROJECT

_MADE = ".made.json"  # what was unpacked: path → [sha256, size, modification time]
_EXTENSION = "duckdb-extension-"


@dataclass(frozen=True, kw_only=True)
class Home:
    """``home`` is the image's ``/opt/floe``, ``state`` its ``/var/lib/floe``, ``secrets`` its ``/run/secrets``."""

    home: Path
    state: Path
    secrets: Path


def home_of(base: Path, environ: Mapping[str, str] = os.environ) -> Home:
    """The places of the floe.yaml in ``base``, which need not be there yet."""
    folder = base.resolve() / FLOE_FOLDER
    given = environ.get("FLOE_SECRETS_DIR")
    found = Path(given).expanduser().absolute() if given else folder / "secrets"
    return Home(home=folder / "home", state=folder / "state", secrets=found)


def make_folders(home: Home) -> None:
    """The folders themselves, out of git's sight. Raises OSError."""
    for folder in (home.home, home.state):
        folder.mkdir(parents=True, exist_ok=True)
    _keep_out_of_git(home.home.parent)
    if home.secrets.parent == home.home.parent:
        home.secrets.mkdir(mode=0o700, exist_ok=True)


def missing_data(home: Home, lock: Lock) -> tuple[LockedData, ...]:
    """The data files that are not there as the lock has them."""
    made = _read_made(home.home)
    return tuple(each for each in lock.data if _stamp(_path(home, each), each.sha256) != made.get(_below(each.place)))


def lay_out(
    home: Home,
    *,
    base: Path,
    transforms: Sequence[str],
    rendered: Mapping[str, bytes],
    lock: Lock,
    environment: Environment,
    downloads: Mapping[str, Path],
) -> None:
    """Make ``home`` what ``rendered`` (path in the image → bytes), the projects, the lock's data and DuckDB's
    extensions say; what is right already stays, and each file is whole at every moment.

    ``downloads`` maps the sha256 of each file that `missing_data` needs to its path. Raises DiskError, DiskFullError,
    WrongHashError, HostileArchiveError.
    """
    try:
        make_folders(home)
        for path, data in rendered.items():
            _write(home.home / _below(path), data)
        projects = [PurePosixPath(_below(PROJECT), each).as_posix() for each in transforms]
        for transform, place in zip(transforms, projects, strict=True):
            _link(base.resolve() / transform, home.home / place)
        _unpack(home, lock, downloads)
        _keep_only(home.home / _below(PROJECT), [home.home / place for place in projects])
        _keep_only(home.home / _below(DATA), [_path(home, each) for each in lock.data])
        _link_extensions(home, lock, environment)
    except OSError as error:
        raise disk_error(error, str(error.filename or home.home)) from error


def _below(place: str) -> str:
    """``/opt/floe/data/a.csv`` → ``data/a.csv``."""
    return PurePosixPath(place.lstrip("/")).relative_to(FLOE).as_posix()


def _path(home: Home, data: LockedData) -> Path:
    return home.home / _below(data.place)


def _keep_out_of_git(folder: Path) -> None:
    if not (folder / ".gitignore").exists():
        write_whole(folder / ".gitignore", b"*\n")


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_file() or path.read_bytes() != data:
        write_whole(path, data)


def _link(source: Path, path: Path) -> None:
    """``path`` leads to ``source``; where links may not be made (Windows), it becomes a fresh copy."""
    if path.is_symlink() and path.readlink() == source:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        temporary.symlink_to(source, target_is_directory=source.is_dir())
    except OSError:
        if source.is_dir():
            shutil.copytree(source, temporary)
        else:
            shutil.copy2(source, temporary)
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    os.replace(temporary, path)


def _unpack(home: Home, lock: Lock, downloads: Mapping[str, Path]) -> None:
    made = _read_made(home.home)
    wanted = missing_data(home, lock)
    for data in wanted:
        path = _path(home, data)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        archive = verified(downloads[data.file.sha256], data.file.sha256, data.file.name)
        try:
            with open(temporary, "wb") as stream:
                for _, content in data_entries(data, place=data.place, path=archive):
                    stream.writelines(content())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
        made[_below(data.place)] = _stamp(path, data.sha256)
    places = {_below(each.place) for each in lock.data}
    if wanted or made.keys() - places:
        kept = {place: stamp for place, stamp in sorted(made.items()) if place in places}
        write_whole(home.home / _MADE, json.dumps(kept, indent=1).encode())


def _stamp(path: Path, sha256: str) -> list[object]:
    with contextlib.suppress(OSError):
        found = path.stat()
        return [sha256, found.st_size, found.st_mtime_ns]
    return []


def _read_made(home: Path) -> dict[str, list[object]]:
    try:
        made = json.loads((home / _MADE).read_bytes())
    except (OSError, ValueError):
        return {}
    return made if isinstance(made, dict) else {}


def _keep_only(folder: Path, wanted: Iterable[Path]) -> None:
    """Remove what an earlier floe.yaml had here; only links and files are ours to remove."""
    keep = set(wanted)
    for parent, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            path = Path(parent, name)
            if path not in keep and (path.is_symlink() or path.is_file()):
                path.unlink()
        folders[:] = [
            name for name in folders if not Path(parent, name).is_symlink() and Path(parent, name) not in keep
        ]


def _link_extensions(home: Home, lock: Lock, environment: Environment) -> None:
    """DuckDB looks for an extension under its own version and platform; the wheels put it elsewhere."""
    for wheel in lock.wheels:
        if not wheel.name.startswith(_EXTENSION):
            continue
        name = wheel.name.removeprefix(_EXTENSION).replace("-", "_")
        folder = home.home / _below(DUCKDB) / f"v{wheel.version}" / environment.host.duckdb_platform
        packed = environment.site / f"duckdb_extension_{name}" / "extensions" / f"v{wheel.version}"
        if packed.is_dir():
            _link(packed / f"{name}.duckdb_extension", folder / f"{name}.duckdb_extension")
