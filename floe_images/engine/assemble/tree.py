"""The user's dbt project as it lies there: which files go into the image, under which modes, and what is left behind.

Left behind are what dbt makes anew on every run and what looks like a secret; a link that leads out of the project, and
packages that were declared but never fetched, are errors.
"""

from __future__ import annotations

import fnmatch
import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from floe_images.engine.assemble.entry import Entries, Entry, no_content
from floe_images.engine.store import disk_error
from floe_images.errors import ProjectError

_OWN = (".floe", "floe.yaml", "floe.lock", "floe.schema.json")
IGNORED = ("target", "logs", ".git", ".venv", "venv", "__pycache__", ".user.yml", ".DS_Store", "*.pyc", *_OWN)
SECRETS = (
    "profiles.yml",
    "profiles.yaml",
    ".env",
    ".env.*",
    "*.pem",
    "*.key",
    "*.p12",
    "*.pfx",
    "id_rsa*",
    "id_ed25519*",
    ".netrc",
    "*keyfile*.json",
    "*credentials*.json",
)
_CHUNK = 1 << 18


@dataclass(frozen=True, kw_only=True)
class TreeFile:
    """``path`` is relative to the tree, POSIX; ``link`` the target of a symbolic link, else empty."""

    path: str
    mode: int
    size: int = 0
    sha256: str = ""
    link: str = ""


@dataclass(frozen=True, kw_only=True)
class Tree:
    """``files`` sorted by path; ``secrets`` are files left out for their name; ``digest`` is over files and content."""

    root: Path
    files: tuple[TreeFile, ...]
    secrets: tuple[str, ...]
    digest: str


def read_tree(root: Path, *, where: str, base: Path) -> Tree:
    """Read a dbt project's folder; ``where`` is its path as floe.yaml has it, ``base`` the folder of floe.yaml.

    Raises ProjectError, DiskError.
    """
    if not root.is_dir():
        raise ProjectError("is not a folder", where=where, hint="transforms[].path is relative to floe.yaml")
    _refuse_outside(root, where, base)
    settings = _yaml(root, "dbt_project.yml", where)
    if settings is None:
        raise ProjectError("has no dbt_project.yml", where=where, hint="give the folder of a dbt project")
    _check_paths(root, settings, where)
    _check_packages(root, settings, where)
    made = {str(settings.get(key, "")).strip("/") for key in ("target-path", "log-path")}
    files: list[TreeFile] = []
    secrets: list[str] = []
    try:
        for path in _walk(root, "", where):
            if path in made or any(path.startswith(f"{each}/") for each in made if each):
                continue
            if _matches(path.rpartition("/")[2], SECRETS):
                secrets.append(path)
            else:
                files.append(_read(root, path, where))
    except OSError as error:
        raise disk_error(error, _place(error, root, where)) from error
    files.sort(key=lambda each: each.path)
    listing = repr([(each.path, each.mode, each.sha256, each.link) for each in files])
    digest = hashlib.sha256(listing.encode()).hexdigest()
    return Tree(root=root, files=tuple(files), secrets=tuple(sorted(secrets)), digest=digest)


def _refuse_outside(root: Path, where: str, base: Path) -> None:
    """A project's folder may be a link, but only to another folder below floe.yaml's."""
    real, real_base = os.path.realpath(root), os.path.realpath(base)
    if real == real_base or not Path(real).is_relative_to(real_base):
        raise ProjectError(
            "is a link that leads out of the project", where=where, hint="put the folder itself beside floe.yaml"
        )


def _check_paths(root: Path, settings: Mapping[str, Any], where: str) -> None:
    """dbt reads wherever its projects point to, and what is outside of the project is in no lock and no key."""
    folders = (root / str(settings.get("packages-install-path") or "dbt_packages")).glob("*/dbt_project.yml")
    names = ["dbt_project.yml", *sorted(each.relative_to(root).as_posix() for each in folders if _below(each, root))]
    for name in names:
        found = settings if name == "dbt_project.yml" else (_yaml(root, name, where) or {})
        for key, value in found.items():
            if not str(key).endswith(("-paths", "packages-install-path")):  # dbt writes to other paths, and reads none
                continue
            for path in value if isinstance(value, list) else [value]:
                text = str(path).replace("\\", "/")
                if text.startswith(("/", "~")) or ".." in text.split("/") or "{{" in text or "{%" in text:
                    raise ProjectError(
                        f"{key} has {text!r}, which leads out of the project or is known to dbt only",
                        where=f"{where}/{name}",
                        hint="name folders of the project; what lies elsewhere has to be copied in",
                    )


def _below(path: Path, root: Path) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root))


def _place(error: OSError, root: Path, where: str) -> str:
    """``transform/models/a.sql``: what an error is about, as floe.yaml would name it."""
    path = Path(os.fsdecode(error.filename)) if isinstance(error.filename, (str, bytes, os.PathLike)) else root
    below = path.relative_to(root).as_posix() if path.is_relative_to(root) else "."
    return where if below == "." else f"{where}/{below}"


def tree_entries(tree: Tree, *, place: str) -> Entries:
    """The files under ``place`` in the image. Raises ProjectError where one changes while it is read, DiskError."""
    for file in tree.files:
        path = f"{place}/{file.path}"
        if file.link:
            yield Entry(path=path, kind="symlink", mode=0o777, link=file.link), no_content
        else:
            content = lambda file=file: _content(tree.root, file)  # noqa: E731
            yield Entry(path=path, kind="file", mode=file.mode, size=file.size), content


def _walk(root: Path, below: str, where: str) -> Iterator[str]:
    with os.scandir(root / below) as found:
        entries = sorted(found, key=lambda each: each.name)
    for entry in entries:
        path = f"{below}{entry.name}"
        if _matches(entry.name, IGNORED):
            continue
        if not entry.name.isprintable() or "\\" in entry.name:
            raise ProjectError(f"the file name {path!r} cannot be put into an image", where=where, hint="rename it")
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(root, f"{path}/", where)
        else:
            yield path


def _read(root: Path, path: str, where: str) -> TreeFile:
    full = root / path
    status = full.lstat()
    if stat.S_ISLNK(status.st_mode):
        if not full.exists():
            raise ProjectError(f"{path} is a link to something that is not there", where=where, hint="remove it")
        return TreeFile(path=path, mode=0o777, link=_link(str(full.readlink()), path, where))
    if not stat.S_ISREG(status.st_mode):
        raise ProjectError(f"{path} is neither a file nor a folder", where=where, hint="remove it")
    found, size = hashlib.sha256(), 0
    for chunk in _chunks(full):
        found.update(chunk)
        size += len(chunk)
    # Only the owner's execute bit: the rest is the umask of whoever checked the project out.
    mode = 0o755 if status.st_mode & stat.S_IXUSR else 0o644
    return TreeFile(path=path, mode=mode, size=size, sha256=found.hexdigest())


def _link(target: str, path: str, where: str) -> str:
    depth = path.count("/")
    for part in PurePosixPath(target).parts:
        depth += -1 if part == ".." else 1
        if depth < 0:
            break
    if depth < 0 or target.startswith("/") or not target.isprintable():
        raise ProjectError(f"{path} is a link that leads out of the project", where=where, hint="copy the file in")
    return target


def _content(root: Path, file: TreeFile) -> Iterator[bytes]:
    found = hashlib.sha256()
    try:
        for chunk in _chunks(root / file.path):
            found.update(chunk)
            yield chunk
    except OSError as error:
        raise disk_error(error, file.path) from error
    if found.hexdigest() != file.sha256:
        raise ProjectError("changed while the image was built", where=file.path, hint="build again")


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            yield chunk


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _check_packages(root: Path, settings: Mapping[str, Any], where: str) -> None:
    """dbt fetches packages from the network: they have to be there already (`dbt deps`)."""
    folder = str(settings.get("packages-install-path", "dbt_packages"))
    for name in ("packages.yml", "dependencies.yml"):
        declared = _declared((_yaml(root, name, where) or {}).get("packages"))
        if not declared:
            continue
        hint = f"run `dbt deps` in {where}"
        if not (root / folder).is_dir():
            raise ProjectError(f"{name} declares packages, but {folder}/ is not there", where=where, hint=hint)
        try:
            there = sum(1 for each in (root / folder).iterdir() if each.is_dir() and any(each.iterdir()))
        except OSError as error:
            raise disk_error(error, _place(error, root, where)) from error
        if there < declared:
            packages = "a package" if declared == 1 else f"{declared} packages"
            raise ProjectError(f"{name} declares {packages}, but {folder}/ holds {there}", where=where, hint=hint)


def _declared(packages: object) -> int:
    """How many packages dbt would fetch: one that is declared twice, with two bounds, is one."""
    if not isinstance(packages, list):
        return int(bool(packages))
    keys = ("package", "git", "local", "tarball", "subdirectory")
    return len({repr([row.get(key) for key in keys]) if isinstance(row, dict) else repr(row) for row in packages})


def _yaml(root: Path, name: str, where: str) -> Mapping[str, Any] | None:
    import yaml

    try:
        # Before it is opened: opening a pipe waits for somebody who writes.
        if not stat.S_ISREG((root / name).stat().st_mode):
            raise ProjectError("is not a file", where=f"{where}/{name}", hint="dbt cannot read it either")
        data = yaml.safe_load((root / name).read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise disk_error(error, f"{where}/{name}") from error
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError):
        raise ProjectError("is not valid YAML", where=f"{where}/{name}", hint="dbt cannot read it either") from None
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise ProjectError("is not a mapping", where=f"{where}/{name}", hint="dbt cannot read it either")
    return data
