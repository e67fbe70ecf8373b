"""A real PostgreSQL server for tests: Debian's, on a port of the loopback, with its data in a folder of its own.

Where none is installed, Debian's packages are downloaded and unpacked under the user's cache; nothing is installed.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.locked import file_lock

_CACHE = Path.home() / ".cache" / "floe-tests" / "postgres"
_PACKAGES = ("postgresql-15", "postgresql-client-15", "libpq5", "libllvm14", "libjson-perl")
_UID = 65534  # nobody: PostgreSQL refuses to run as root
_PATIENCE = 60  # seconds; a busy machine


@dataclass(frozen=True, kw_only=True)
class Postgres:
    """A server that takes ``user`` with ``password`` and nobody without; ``database`` is there and empty."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str
    data: Path
    _psql: Path = field(repr=False)
    _environ: tuple[tuple[str, str], ...] = field(repr=False)

    def psql(self, sql: str, *, database: str | None = None) -> list[tuple[str, ...]]:
        """The rows of a statement as text."""
        done = subprocess.run(
            [str(self._psql), "-XAtq", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-c", sql],
            capture_output=True,
            text=True,
            env={
                **dict(self._environ),
                "PGHOST": self.host,
                "PGPORT": str(self.port),
                "PGUSER": self.user,
                "PGPASSWORD": self.password,
                "PGDATABASE": database or self.database,
            },
        )
        assert done.returncode == 0, done.stderr
        return [tuple(line.split("\t")) for line in done.stdout.splitlines()]

    @contextmanager
    def new_database(self, name: str) -> Iterator[str]:
        """An empty database of the test's own, dropped at the end whoever is connected to it."""
        self.psql(f'create database "{name}"')
        try:
            yield name
        finally:
            self.psql(f'drop database "{name}" with (force)')


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One server for the session; never skips."""
    with postgres_server() as server:
        yield server


@contextmanager
def postgres_server(*settings: str, address: str = "127.0.0.1") -> Iterator[Postgres]:
    """A server of one's own; ``settings`` are lines of postgresql.conf, ``address`` one of this machine's."""
    binaries, environ = _binaries()
    folder = Path(tempfile.mkdtemp(prefix="floe-postgres-"))
    try:
        (folder / "password").write_text("floe-password\n")
        folder.chmod(0o755)
        if os.geteuid() == 0:
            for path in (folder, folder / "password"):
                os.chown(path, _UID, _UID)
        data = folder / "data"
        initialise = ("-D", str(data), "-U", "floe", "-A", "scram-sha-256", "--pwfile", str(folder / "password"),
                      "-E", "UTF8", "--locale", "C.UTF-8", "--no-sync")  # fmt: skip
        done = subprocess.run([str(binaries / "initdb"), *initialise], capture_output=True, text=True, **_as(environ))
        assert done.returncode == 0, done.stdout + done.stderr
        port = _free_port()
        lines = ("fsync = off", "full_page_writes = off", "synchronous_commit = off", *settings)
        with (data / "postgresql.conf").open("a") as file:
            file.write("\n".join(["", *lines, ""]))
        with (data / "pg_hba.conf").open("a") as file:
            file.write("host all all samenet scram-sha-256\n")
        run = ("-D", str(data), "-p", str(port), "-h", address, "-k", str(folder))
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [str(binaries / "postgres"), *run], stdout=log, stderr=log, **_as(environ)
            )  # fmt: skip
        server = Postgres(
            host=address, port=port, user="floe", password="floe-password", database="floe", data=data,
            _psql=binaries / "psql", _environ=tuple(environ.items()),
        )  # fmt: skip
        try:
            _wait(server, process, folder / "log")
            server.psql("create database floe", database="postgres")
            yield server
        finally:
            process.terminate()  # waits for sessions: smart shutdown
            process.send_signal(2)  # and does not: fast shutdown
            process.wait(_PATIENCE)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _as(environ: dict[str, str]) -> dict[str, object]:
    """Arguments of subprocess: as somebody who is not root."""
    who = {"user": _UID, "group": _UID, "extra_groups": ()} if os.geteuid() == 0 else {}
    return {"env": environ, "cwd": "/", **who}


def _wait(server: Postgres, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text()
        try:
            server.psql("select 1", database="postgres")
            return
        except AssertionError:
            time.sleep(0.1)
    raise AssertionError(f"PostgreSQL does not answer: {log.read_text()}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _binaries() -> tuple[Path, dict[str, str]]:
    """The folder of initdb, postgres and psql, and the environment that they need."""
    plain = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/"}
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if installed:
        return installed[-1].parent, plain
    root = _CACHE / "root"
    with file_lock(_CACHE / "lock"):
        if not (_CACHE / "ready").exists():
            shutil.rmtree(root, ignore_errors=True)
            _unpack(root)
            (_CACHE / "ready").touch()
    libraries = [str(path) for path in (root / "usr/lib").glob("*-linux-gnu")]
    return root / "usr/lib/postgresql/15/bin", {**plain, "LD_LIBRARY_PATH": os.pathsep.join(libraries)}


def _unpack(root: Path) -> None:
    debs = _CACHE / "debs"
    debs.mkdir(parents=True, exist_ok=True)
    _call(["apt-get", "download", *_PACKAGES], debs)
    for deb in sorted(debs.glob("*.deb")):
        _call(["dpkg", "-x", str(deb), str(root)], debs)


def _call(command: Sequence[str], folder: Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr[-2000:]}"
