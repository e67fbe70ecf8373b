"""`watched`'s site with an image's hardened containers: they share a network that records, secrets are mounted files.

``SPEC`` is built by the real command. Every container is in the network of one that only holds it, which becomes an
island: warehouse, metadata, collector and lineage server stand on its far shore, and nobody else exists.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.engine import TestEngine
from tests.support.flights import HARDENED, STATE, BuiltProject, build, loaded, volume
from tests.support.netns import NAME_SERVER, Island, island
from tests.support.postgres import Postgres, postgres_server
from tests.support.telemetry import Recorder, recorder
from tests.support.watched import COLLECTOR, LINEAGE, METADATA, NOBODY, PORTS, PROJECT, WAREHOUSE, bring, make_secrets

PYTHON = "/usr/bin/python3.11"
_HOLDER = f"floe-test-watched-{os.getpid()}"
_VOLUME = f"{_HOLDER}-state"
_PG = f"adapter: postgres, host: {WAREHOUSE}, database: warehouse, schema: marts"
SPEC = f"""\
version: "1.0"
name: watched
image: {{platforms: [linux/amd64], repository: registry.example.internal/tests/watched}}
adapters: [postgres]
targets:
  pg: {{{_PG}, user: warehouse, password: {{secret: warehouse}}}}
  wrong: {{{_PG}, user: warehouse, password: {{secret: wrong}}}}
  stranger: {{{_PG}, user: {{secret: stranger}}, password: {{secret: wrong}}}}
  refused: {{{_PG}, user: warehouse, password: {{secret: warehouse}}, port: 5499}}
default_target: pg
transforms: [{{type: dbt, path: transform}}]
orchestration:
  metadata: {{type: postgres, host: {METADATA}, user: metadata, password: {{secret: metadata}}, database: metadata}}
  schedules: [{{name: often, cron: "* * * * *"}}]
observability:
  traces: {{endpoint: "http://{COLLECTOR}:4317", headers: {{x-token: {{secret: header}}}}}}
  lineage: {{type: http, url: "http://{LINEAGE}:5000", api_key: {{secret: lineage}}}}
"""
# The container's own view of its temporary files, which no `docker cp` shows.
_PACK = "import sys, tarfile; tarfile.open(fileobj=sys.stdout.buffer, mode='w|').add('/tmp')"


def build_watched(folder: Path) -> BuiltProject:
    """`SPEC` with `watched`'s project, locked and built."""
    folder.mkdir(parents=True)
    (folder / "floe.yaml").write_text(SPEC)
    for name, text in PROJECT.items():
        file = folder / "transform" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return build(folder)


@dataclass(frozen=True, kw_only=True)
class Contained:
    """``left`` is a folder that gets everything that containers leave: what was said, inspected, and written."""

    engine: TestEngine
    project: BuiltProject
    image: str
    land: Island
    postgres: Postgres
    collector: Recorder
    left: Path
    flags: Sequence[str] = field(repr=False)

    def run(self, name: str, *command: str, flags: Sequence[str] = ()) -> int:
        """A container of its own until it ends; its exit code. What it left is under ``left``."""
        with self.start(name, *command, flags=flags):
            return int(self.engine.docker("wait", f"{_HOLDER}-{name}").stdout)

    @contextlib.contextmanager
    def start(self, name: str, *command: str, flags: Sequence[str] = ()) -> Iterator[str]:
        """A container that is stopped with the block. What it left is under ``left``."""
        container = f"{_HOLDER}-{name}"
        self.engine.docker("run", "--detach", "--name", container, *self.flags, *flags, self.image, *command)
        try:
            yield container
            inspected = self.engine.docker("inspect", container).stdout
            (self.left / f"{name}.inspect").write_text(inspected)
            if json.loads(inspected)[0]["State"]["Running"]:
                pack = ["docker", "exec", container, PYTHON, "-c", _PACK]
                (self.left / f"{name}.tmp.tar").write_bytes(
                    subprocess.run(pack, env=self.engine.env, check=True, capture_output=True).stdout
                )
                self.engine.docker("stop", container)
            said = self.engine.docker("logs", container)
            (self.left / f"{name}.out").write_text(said.stdout)
            (self.left / f"{name}.err").write_text(said.stderr)
        finally:
            self.engine.docker("rm", "--force", container)

    def said(self, name: str) -> str:
        """Both streams of a container that has ended."""
        return (self.left / f"{name}.out").read_text() + (self.left / f"{name}.err").read_text()

    def wait_for(self, name: str, said: str, *, seconds: float = 120) -> None:
        """Until the running container ``name`` has said it."""
        deadline = time.monotonic() + seconds
        while True:
            done = self.engine.docker("logs", f"{_HOLDER}-{name}")
            if said in done.stdout + done.stderr:
                return
            assert time.monotonic() < deadline, f"never said {said!r}:\n{done.stdout}{done.stderr}"
            time.sleep(0.5)

    def gather(self) -> None:
        """Put the state volume, the image's configuration, and what the collector got under ``left``."""
        self.copy_state(self.left / "state")
        image = self.engine.docker("image", "inspect", self.image).stdout
        history = self.engine.docker("history", "--no-trunc", self.image).stdout
        (self.left / "image").write_text(image + history)
        (self.left / "collected").write_text(repr([each["content"] for each in self.collector.stop()]))

    def copy_state(self, folder: Path) -> None:
        """The state volume's files as ``folder``, which is not there yet."""
        self.engine.docker("cp", f"{_HOLDER}:{STATE}", str(folder))


@contextlib.contextmanager
def contained_site(folder: Path, python: Path, engine: TestEngine) -> Iterator[Contained]:
    """``python``: a runtime environment's, for the collector."""
    project = build_watched(folder / "project")
    left = folder / "left"
    left.mkdir()
    with (
        postgres_server() as postgres,
        loaded(engine, project.archive("linux/amd64")) as image,
        volume(engine, _VOLUME),
        _held(engine, image) as process,
        island(shore=(*PORTS, NOBODY), of=process) as land,
        recorder(python) as collector,
    ):
        mounted = _files(folder / "secrets", make_secrets(postgres))
        bring(land, postgres, collector)
        at = HARDENED.index("--network")
        flags = (*HARDENED[:at], *HARDENED[at + 2 :], "--network", f"container:{_HOLDER}", "--user", "12345:0",
                 "--volume", f"{_VOLUME}:{STATE}", "--volume", f"{mounted}:/run/secrets:ro")  # fmt: skip
        yield Contained(
            engine=engine, project=project, image=image, land=land, postgres=postgres, collector=collector,
            left=left, flags=flags,
        )  # fmt: skip


def _files(folder: Path, secrets: Mapping[str, str]) -> Path:
    folder.mkdir()
    for name, value in secrets.items():
        (folder / name).write_text(value)
        (folder / name).chmod(0o444)
    folder.chmod(0o755)
    return folder


@contextlib.contextmanager
def _held(engine: TestEngine, image: str) -> Iterator[int]:
    """A container with a loopback and the state volume that does nothing; its process, in this machine's numbers."""
    engine.docker("rm", "--force", _HOLDER, check=False)
    wait = ("-c", "import signal; signal.sigwait({signal.SIGTERM})")
    flags = (*HARDENED, "--dns", NAME_SERVER, "--volume", f"{_VOLUME}:{STATE}", "--entrypoint", PYTHON)
    engine.docker("run", "--detach", "--name", _HOLDER, *flags, image, *wait)
    try:
        told = json.loads(engine.docker("inspect", _HOLDER).stdout)[0]
        yield process_of(told["Config"]["Hostname"], told["State"]["Pid"])
    finally:
        engine.docker("rm", "--force", _HOLDER)


def process_of(host: str, inner: int) -> int:
    """The process that the engine, which has numbers of its own, calls ``inner``: by its container's host name."""
    for status in Path("/proc").glob("[0-9]*/status"):
        with contextlib.suppress(OSError):
            numbers = re.findall(r"^NSpid:\s+(.*)$", status.read_text(), re.M)[0].split()
            if str(inner) in numbers and (status.parent / "root/etc/hostname").read_text().strip() == host:
                return int(status.parent.name)
    raise AssertionError(f"no process of the container {host} is seen from here: the engine has to be on this machine")
