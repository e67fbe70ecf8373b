"""Services' images that the real command built, and their containers, hardened, on a network that leads nowhere.

Clients are the pipeline's own image: they reach a service over the network, as a pipeline does.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.engine import TestEngine
from tests.support.flights import BuiltProject, build, loaded, volume

YAML = """\
version: "1.0"
name: beside
image: {platforms: [linux/amd64, linux/arm64], repository: registry.example.internal/tests/beside}
adapters: [duckdb, postgres]
targets: {dev: {adapter: duckdb, path: /var/lib/floe/beside.duckdb}}
default_target: dev
catalogs: {lake: {type: rest, uri: "http://lake:8181", warehouse: lake, credential: {secret: lake}}}
services: {postgres: {}, lake: {}}
transforms: [{type: dbt, path: transform}]
"""
FLAGS = (
    "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--pids-limit", "256",
    "--memory", "512m", "--memory-swap", "512m", "--tmpfs", "/tmp:rw,nosuid,nodev,mode=1777,size=64m",
)  # fmt: skip
IDENTITIES = {
    "identities": [
        {
            "name": "floe",
            "account": {"id": "000000000000"},
            "credentials": [{"accessKey": "LAKEKEY", "secretKey": "lake-secret"}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
    ]
}
_PATIENCE = 120  # seconds


def build_beside(folder: Path) -> BuiltProject:
    """`YAML` with an empty project, locked and built with its services."""
    model = folder / "transform" / "models"
    model.mkdir(parents=True)
    (folder / "floe.yaml").write_text(YAML)
    (folder / "transform" / "dbt_project.yml").write_text("name: beside\nversion: '1.0'\nprofile: beside\n")
    (model / "one.sql").write_text("select 1 as one\n")
    return build(folder)


def said_of(project: BuiltProject, name: str) -> dict[str, Any]:
    """What `floe build --json` said of a service's image: postgres, postgres-init, lake, lake-init."""
    (found,) = [each for each in project.said["services"] if f"/floe-{name}:" in each["reference"]]
    return dict(found)


@dataclass(frozen=True, kw_only=True)
class Site:
    """The images are loaded for ``platform``; ``secrets`` is a folder of files, mounted at /run/secrets."""

    engine: TestEngine
    platform: str
    images: dict[str, str]
    network: str
    secrets: Path

    def flags(self, user: str) -> tuple[str, ...]:
        mount = ("--volume", f"{self.secrets}:/run/secrets:ro")
        return (*FLAGS, *mount, "--user", user, "--platform", self.platform)

    def prepare(
        self, service: str, data: str, *, user: str = "10001:0", check: bool = True, **env: str
    ) -> tuple[int, str]:
        """The service's init image to its end, without a network; exit code, and what it said."""
        named = [word for name, value in env.items() for word in ("--env", f"{name}={value}")]
        command = ["run", "--rm", "--network", "none", *self.flags(user), "--volume", data, *named]
        done = self.engine.docker(*command, self.images[f"{service}-init"], check=check)
        return done.returncode, done.stdout + done.stderr

    @contextmanager
    def serving(self, service: str, data: str, *, user: str = "10001:0", healthy: bool = True) -> Iterator[str]:
        """The service's container on the network, under its own name; gone with the block."""
        name = f"floe-test-{service}-{self.network}"
        health = ("--health-interval", "1s", "--health-start-period", "1s", "--health-retries", "60")
        where = ("--network", self.network, "--network-alias", service, "--volume", data)
        self.engine.docker(
            "run", "--detach", "--name", name, *self.flags(user), *where, *health, self.images[service]
        )  # fmt: skip
        try:
            if healthy:
                self.healthy(name)
            yield name
        finally:
            self.engine.docker("rm", "--force", name, check=False)

    def healthy(self, name: str) -> None:
        """Wait until its own health check says so."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            state = json.loads(self.engine.docker("inspect", "--format", "{{json .State}}", name).stdout)
            if state["Health"]["Status"] == "healthy":
                return
            assert state["Running"], self.said(name)
            assert time.monotonic() < deadline, self.said(name)
            time.sleep(0.5)

    def said(self, name: str) -> str:
        done = self.engine.docker("logs", name)
        return done.stdout + done.stderr

    def client(self, code: str, *arguments: str) -> Any:
        """Python of the pipeline's image on the same network; the JSON that its last line is."""
        entry = ("--entrypoint", "/usr/bin/python3.11", "--memory", "1g", "--memory-swap", "1g")
        command = ["run", "--rm", "--network", self.network, *FLAGS, "--user", "12345:0", *entry]
        done = self.engine.docker(*command, self.images["pipeline"], "-c", code, *arguments, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout.splitlines()[-1])


@contextmanager
def site(engine: TestEngine, project: BuiltProject, name: str, platform: str) -> Iterator[Site]:
    """Every image of the project in the engine, and an internal network of its own."""
    with ExitStack() as stack:
        native = f"linux/{engine.api.architecture}"
        images = {"pipeline": stack.enter_context(loaded(engine, project.archive(native)))}
        for service in ("postgres", "postgres-init", "lake", "lake-init"):
            archives = said_of(project, service)["archives"]
            (archive,) = [path for path in archives if path.endswith(f"{platform.replace('/', '-')}.tar")]
            images[service] = stack.enter_context(loaded(engine, project.folder / archive))
        # Not below pytest's own folder, which only its user may enter.
        secrets = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="floe-test-secrets-")))
        secrets.chmod(0o755)
        write_secrets(secrets, {"lake-identities": json.dumps(IDENTITIES)})
        engine.docker("network", "create", "--internal", name)
        stack.callback(engine.docker, "network", "rm", name, check=False)
        yield Site(engine=engine, platform=platform, images=images, network=name, secrets=secrets)


def write_secrets(folder: Path, values: dict[str, str]) -> None:
    for name, value in values.items():
        (folder / name).write_text(value)
        (folder / name).chmod(0o644)


@contextmanager
def data_volume(engine: TestEngine, name: str, path: str) -> Iterator[str]:
    """A fresh volume, as ``--volume`` takes it."""
    with volume(engine, name) as found:
        yield f"{found}:{path}"


def lines(said: str) -> Sequence[str]:
    """What floe's own scripts said."""
    return [line for line in said.splitlines() if line.startswith("floe: ")]
