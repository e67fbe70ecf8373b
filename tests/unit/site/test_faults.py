"""What a machine does to a platform that comes up, said in one line each."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from floe_images.engine.compose import ComposeProject, ContainerState
from floe_images.engine.docker.connect import refused
from floe_images.errors import DiskFullError, EngineError, ServiceError, UsageError
from floe_images.site.faults import check_clocks, explain, tell_memory, what_to_do, why_ended
from floe_images.site.profiles import as_it_was, chosen

FILES = {
    "dagster": "services: {webserver: {ports: ['127.0.0.1:3000:3000'], mem_limit: 1024m}, daemon: {mem_limit: 1024m}}",
    "lake": "services: {lake: {ports: ['127.0.0.1:9000:8333', '127.0.0.1:9001:8181'], mem_limit: 512m},"
    " lake-init: {restart: 'no', mem_limit: 512m}}",
    "postgres": "services: {postgres: {ports: ['127.0.0.1:5432:5432'], mem_limit: 512m}}",
}


@pytest.fixture
def project(tmp_path: Path) -> ComposeProject:
    for name, text in FILES.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    return ComposeProject(name="x", files=tuple(sorted(tmp_path.glob("*.yaml"))))


class Notes:
    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, text: str) -> None:
        self.said.append(text)


def engine(**info: object) -> Any:
    return SimpleNamespace(client=SimpleNamespace(api=SimpleNamespace(info=lambda: info)))


@pytest.mark.parametrize(
    ("said", "service", "hint"),
    [
        (
            "endpoint x-webserver-1 (e67): Bind for 127.0.0.1:3000 failed: port is already allocated",
            "webserver",
            "--port",
        ),
        ("userland proxy: listen tcp4 127.0.0.1:9000: bind: address already in use", "lake", "services.lake.s3_port"),
        ("failed to bind host port 127.0.0.1:9001/tcp: address already in use", "lake", "services.lake.port"),
        ("Bind for 127.0.0.1:5432 failed: port is already allocated", "postgres", "services.postgres.port"),
    ],
)
def test_a_port_that_is_taken(project: ComposeProject, said: str, service: str, hint: str) -> None:
    found = explain(EngineError(f"docker compose: {said}"), project)
    assert isinstance(found, ServiceError)
    assert f"is taken, and {service} wants it" in found.message
    assert hint in str(found.hint)


def test_another_fault_stays_what_it_is(project: ComposeProject) -> None:
    error = EngineError("docker compose: no such image")
    assert explain(error, project) is error


def test_a_full_disk_is_an_error_of_its_own() -> None:
    full = refused("docker compose", "mkdir /var/lib/docker/overlay2/x: no space left on device")
    assert isinstance(full, DiskFullError)
    assert "docker system df" in str(full.hint)
    assert type(refused("docker compose", "denied")) is EngineError


def test_memory(project: ComposeProject) -> None:
    notes: Any = Notes()
    tell_memory(project, engine(MemTotal=3072 << 20), notes)
    assert notes.said == []
    tell_memory(project, engine(MemTotal=(3072 << 20) - 1), notes)
    assert notes.said == [
        "the containers may take 3.2 GB of memory together, and the engine's machine has 3.2 GB: the kernel may kill "
        "what is largest"
    ]


def container(service: str, **values: Any) -> ContainerState:
    given = {"health": "failed", "exit_code": 137, "out_of_memory": False, "memory": 512 << 20, **values}
    return ContainerState(service=service, id="x", ports=(), **given)


def test_what_the_kernel_killed_is_named_as_that() -> None:
    killed = container("lake", out_of_memory=True, health="restarting")
    assert why_ended(killed) == "the kernel killed it: it wants more memory than its 512 MiB"
    assert "services.lake.memory" in what_to_do([container("postgres"), killed])
    assert why_ended(container("lake")) == "exit code 137"
    assert why_ended(container("lake", health="unhealthy")) == "unhealthy"


def test_a_clock_before_the_lock() -> None:
    notes: Any = Notes()
    now = datetime.now(timezone.utc)
    check_clocks(engine(SystemTime=now.strftime("%Y-%m-%dT%H:%M:%S.123456789Z")), now - timedelta(days=1), notes)
    assert notes.said == []
    with pytest.raises(ServiceError, match="the clock of this machine shows"):
        check_clocks(engine(SystemTime=now.strftime("%Y-%m-%dT%H:%M:%SZ")), now + timedelta(days=1), notes)
    with pytest.raises(ServiceError, match="the clock of the container engine shows 2020-01-01 00:00 UTC"):
        check_clocks(engine(SystemTime="2020-01-01T00:00:00Z"), now - timedelta(days=1), notes)
    check_clocks(engine(SystemTime=(now + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S+00:00")), now, notes)
    assert notes.said[-1].startswith("the clocks differ: this machine has ")


def test_profiles(project: ComposeProject) -> None:
    assert chosen(project, "all") is project
    services = chosen(project, "services")
    assert [file.stem for file in services.files] == ["lake", "postgres"]
    assert as_it_was(project, [container("lake")]) == services
    assert as_it_was(project, [container("lake"), container("code-server")]) is project
    with pytest.raises(UsageError):
        chosen(ComposeProject(name="x", files=project.files[:1]), "services")
