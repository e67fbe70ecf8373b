"""Lock → a Python environment for this machine, made once and kept in the cache.

On Linux with the lock's Python it has exactly the locked files, by hash, and the image's runtime is the same software.
Elsewhere it has the locked versions, as wheels for that machine.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from floe_images import __version__
from floe_images.engine.assemble.runtime_wheel import runtime_wheel
from floe_images.engine.environment.host import HostPython, find_python, python_of
from floe_images.engine.fetch.obtain import fetch_files
from floe_images.engine.fetch.request import FileRequest
from floe_images.engine.store import Store
from floe_images.engine.verified import naming_all, verified
from floe_images.errors import NotCachedError
from floe_images.image.platform import Platform
from floe_images.lock.model import Lock
from floe_images.progress import Progress

if TYPE_CHECKING:
    from floe_images.engine.environment.install import WheelFile
    from floe_images.engine.fetch.reach import Reach

KIND = "environments"
_LAYOUT = 1  # changes with how an environment is made
_LIST = (
    "import importlib.metadata as m, json;"
    "print(json.dumps(sorted({d.metadata['Name'].lower().replace('_', '-').replace('.', '-') + '==' + d.version"
    " for d in m.distributions()})))"
)


@dataclass(frozen=True, kw_only=True)
class Environment:
    """``folder`` holds the packages, ``runtime`` our own inside, which is put before them with PYTHONPATH.

    ``key`` is over all that is in both. ``exact``: the locked files themselves, not only their versions.
    """

    folder: Path
    runtime: Path
    host: HostPython
    key: str
    exact: bool

    @property
    def python(self) -> Path:
        return python_of(self.folder)

    @property
    def site(self) -> Path:
        if os.name == "nt":
            return self.folder / "Lib" / "site-packages"
        return self.folder / "lib" / f"python{self.host.short}" / "site-packages"


def make_environment(
    lock: Lock,
    requirements: Sequence[str],
    *,
    reach: Callable[[], Reach],
    store: Store,
    progress: Progress,
    frozen: bool = False,
    folders: Sequence[Path] = (),
) -> Environment:
    """The environment of ``lock`` on this machine, from the cache or made now.

    ``requirements`` are what the lock was resolved for (`python_requirements`); ``reach`` is asked only where files
    are missing. With ``frozen`` nothing but the cache and ``folders`` is read. To be called inside ``store.in_use()``.

    Raises ResolveError for a pin without a wheel for this machine, NotCachedError, InterpreterError, the leaves for
    mirrors and disks.
    """
    host = find_python(lock.python)
    platform = host.platform if host.platform in lock.platforms else None
    pins = _pins(lock, platform)
    content = [_LAYOUT, str(host.path), host.version, host.system, host.machine, pins]
    key = hashlib.sha256(json.dumps(content).encode()).hexdigest()
    folder = store.find(KIND, key)
    if folder is None:
        maker = _Maker(lock, requirements, reach, store, progress, frozen, folders)
        folder = maker.make(key, host, platform)
    else:
        _touch(folder)
    runtime = _runtime(store, folder, host)
    return Environment(
        folder=folder,
        runtime=runtime,
        host=host,
        key=hashlib.sha256(f"{key} {runtime.name}".encode()).hexdigest(),
        exact=platform is not None,
    )


def _pins(lock: Lock, platform: Platform | None) -> list[list[str]]:
    """What is installed: file hashes where the locked files are, else versions."""
    if platform is None:
        return [[wheel.name, wheel.version] for wheel in lock.wheels]
    files = [(wheel, wheel.file_for(platform)) for wheel in lock.wheels]
    return [[wheel.name, wheel.version, file.sha256] for wheel, file in files if file]


@dataclass(frozen=True)
class _Maker:
    lock: Lock
    requirements: Sequence[str]
    reach: Callable[[], Reach]
    store: Store
    progress: Progress
    frozen: bool
    folders: Sequence[Path]

    def make(self, key: str, host: HostPython, platform: Platform | None) -> Path:
        from floe_images.engine.environment.install import install_files, new_environment

        self._say(host, platform)
        temporary = self.store.temporary("environment")
        try:
            with self.store.folder("install") as work:
                wheels = self._wheels(platform) if platform else ()
                self.progress.phase("install")
                new_environment(temporary, host)
                if platform:
                    install_files(temporary, wheels, work=work)
                else:
                    self._install_versions(temporary, host, work)
            self.progress.phase("bytecode")
            _compile(python_of(temporary), temporary, self.store.path(KIND, key))
            return self.store.adopt(KIND, key, temporary)
        except OSError as error:
            raise self.store.failure(error) from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def _say(self, host: HostPython, platform: Platform | None) -> None:
        count = len(self.lock.wheels)
        if platform:
            self.progress.note(f"making an environment of {count} locked packages; it is kept in the cache")
            return
        other = "" if host.wanted else f"; there is no Python {self.lock.python} here, so with {host.short}"
        self.progress.note(
            f"making an environment of {count} locked versions for {host.system} {host.machine}{other}; these are not "
            "the files that the image has"
        )

    def _wheels(self, platform: Platform) -> tuple[WheelFile, ...]:
        """Every locked wheel of the platform, in the cache and hashed once more."""
        from floe_images.engine.environment.install import WheelFile

        wanted = [(wheel, file) for wheel in self.lock.wheels if (file := wheel.file_for(platform)) is not None]
        requests = [FileRequest(file=file, project=wheel.name) for wheel, file in wanted]
        found = fetch_files(
            requests,
            self.lock,
            store=self.store,
            reach=self.reach,
            progress=self.progress,
            frozen=self.frozen,
            folders=self.folders,
        )
        with naming_all((found[file.sha256], file.sha256, file.name) for _, file in wanted):
            return tuple(
                WheelFile(
                    name=wheel.name,
                    version=wheel.version,
                    file=file.name,
                    sha256=file.sha256,
                    path=verified(found[file.sha256], file.sha256, file.name),
                )
                for wheel, file in wanted
            )

    def _install_versions(self, folder: Path, host: HostPython, work: Path) -> None:
        if self.frozen:
            raise NotCachedError(
                "the locked files do not run on this machine, and other wheels are in no lock",
                hint="run it once without --frozen, or in a container (--in-container)",
            )
        from floe_images.engine.environment.install import install_versions
        from floe_images.engine.fetch.sources import folders_of

        reach = self.reach()
        pins = [f"{wheel.name}=={wheel.version}" for wheel in self.lock.wheels]
        install_versions(
            folder,
            self.requirements,
            pins,
            python=host,
            reach=reach,
            folders=folders_of(reach, self.folders),
            store=self.store,
            work=work,
        )
        installed = json.loads(_output([python_of(folder), "-I", "-c", _LIST]))
        more = sorted(set(installed) - set(pins))
        if more:
            self.progress.note(f"not in the lock, but needed on this machine: {', '.join(more)}")


def _output(command: Sequence[str | Path]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _compile(python: Path, folder: Path, final: Path) -> None:
    """Bytecode beside every source, with the path that it will have. What does not compile is left to whoever asks."""
    arguments = ("-m", "compileall", "-q", "-q", "-j", "0", "-s", str(folder), "-p", str(final), str(folder))
    subprocess.run([python, "-I", *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)


def _runtime(store: Store, environment: Path, host: HostPython) -> Path:
    """Our own inside, unpacked from the wheel that the image gets; apart, so that a new floe costs no new packages."""
    import io
    import zipfile

    _, data = runtime_wheel(__version__)
    key = f"runtime-{hashlib.sha256(data).hexdigest()[:40]}-{host.short}"
    found = store.find(KIND, key)
    if found:
        _touch(found)
        return found
    temporary = store.temporary("runtime")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            archive.extractall(temporary)
        _compile(python_of(environment), temporary, store.path(KIND, key))
        return store.adopt(KIND, key, temporary)
    except OSError as error:
        raise store.failure(error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _touch(folder: Path) -> None:
    """It was used: `floe cache prune --days` goes by this."""
    try:
        os.utime(folder)
    except OSError:
        return
