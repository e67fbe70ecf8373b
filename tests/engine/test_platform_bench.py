"""docker-bench-security's sections 4 and 5 for every container of the platform; a test's ID is the check's number.

The same checks warn of a container that is made soft in every way at once.
"""

from __future__ import annotations

import dataclasses
import json
import stat
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.bench import CHECKS, NOT_APPLICABLE, Subject
from tests.support.platforms import PREPARING, SERVING, Platform

pytestmark = pytest.mark.engine
_SETUID = stat.S_ISUID | stat.S_ISGID
# A file with the bit, as an image's only layer; nothing of it is ever started.
_SOFT_IMAGE = (
    "--change",
    "ENTRYPOINT /none",
    "--change",
    "USER root",
    "--message",
    "RUN apt-get update; ADD everything",
)
_SOFT = (
    "--user", "root", "--privileged", "--cap-add", "SYS_ADMIN", "--volume", "/etc:/somewhere:rw,rshared",
    "--volume", "/var/run/docker.sock:/var/run/docker.sock", "--publish", "0.0.0.0:443:443", "--pid", "host",
    "--ipc", "host", "--uts", "host", "--userns", "host", "--restart", "always", "--device", "/dev/null",
    "--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined", "--cgroup-parent", "/elsewhere",
)  # fmt: skip


@pytest.fixture(scope="module")
def subjects(platform: Platform) -> dict[str, Subject]:
    info = json.loads(platform.engine.docker("info", "--format", "{{json .}}").stdout)
    return {
        service: _subject(platform, container, info, once=service in PREPARING)
        for service, container in platform.containers().items()
    }


def _subject(platform: Platform, container: dict[str, Any], info: dict[str, Any], *, once: bool) -> Subject:
    docker = platform.engine.docker
    image = container["Image"]
    running = container["State"]["Running"]
    history = docker("history", "--no-trunc", "--format", "{{.CreatedBy}} {{.Comment}}", image).stdout
    programs = docker("top", container["Id"], "-eo", "pid,comm").stdout.splitlines()[1:] if running else []
    if running:
        service = container["Config"]["Labels"]["com.docker.compose.service"]
        setuid = _setuid_below(Path(f"/proc/{platform.process(service)}/root"))
    else:
        setuid = _setuid_exported(platform, container["Id"])
    return Subject(
        container=container,
        image=json.loads(docker("image", "inspect", image).stdout)[0],
        info=info,
        history=tuple(history.splitlines()),
        setuid=tuple(setuid),
        programs=tuple(line.split()[-1] for line in programs),
        once=once,
    )


def _setuid_below(root: Path) -> list[str]:
    """On the container's own file system, as it is mounted; not in what is mounted into it."""
    found = ["find", f"{root}/", "-xdev", "-type", "f", "-perm", "/6000", "-printf", "%P\\n"]
    return subprocess.run(found, capture_output=True, text=True, check=True).stdout.splitlines()


def _setuid_exported(platform: Platform, container: str) -> list[str]:
    command = ["docker", "export", container]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, env=platform.engine.env) as process,
        tarfile.open(fileobj=process.stdout, mode="r|") as archive,
    ):
        return [member.name for member in archive if member.isfile() and member.mode & _SETUID]


@pytest.mark.parametrize("number", CHECKS)
def test_no_warning(subjects: dict[str, Subject], number: str) -> None:
    assert subjects.keys() == {*SERVING, *PREPARING}
    warned = {service: list(CHECKS[number](subject)) for service, subject in subjects.items()}
    assert warned == {service: [] for service in subjects}


@pytest.fixture(scope="module")
def soft(
    platform: Platform, subjects: dict[str, Subject], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Subject]:
    """A container of another image that was created and not started, with everything that `_SOFT` takes away."""
    docker, layer = platform.engine.docker, tmp_path_factory.mktemp("soft") / "layer.tar"
    with tarfile.open(layer, "w") as archive:
        member = tarfile.TarInfo("bin/su")
        member.mode = 0o4755
        archive.addfile(member)
    image = docker("import", *_SOFT_IMAGE, str(layer)).stdout.strip()
    try:
        made = docker("create", *_SOFT, image).stdout.strip()
        host = docker("create", "--network", "host", image).stdout.strip()
        try:
            (found, on_host) = json.loads(docker("inspect", made, host).stdout)
            info = {**subjects["lake"].info, "Swarm": {"LocalNodeState": "active"}}
            subject = _subject(platform, found, info, once=False)
            assert list(CHECKS["5.10"](_subject(platform, on_host, info, once=False)))
            yield subject
        finally:
            docker("rm", "--force", made, host)
    finally:
        docker("image", "rm", "--force", image)


@pytest.mark.parametrize("number", [number for number in CHECKS if number not in ("5.7", "5.10")])
def test_each_check_warns_of_a_soft_container(soft: Subject, number: str) -> None:
    assert list(CHECKS[number](soft)) != []


def test_a_server_of_ssh_would_be_seen(subjects: dict[str, Subject]) -> None:
    assert all(subjects[service].programs for service in SERVING)
    assert list(CHECKS["5.7"](dataclasses.replace(subjects["lake"], programs=("weed", "sshd:")))) == ["sshd:"]


def test_every_check_of_the_benchmark_is_here_or_named_with_a_reason() -> None:
    every = {f"4.{number}" for number in range(1, 13)} | {f"5.{number}" for number in range(1, 33)}
    assert CHECKS.keys() | NOT_APPLICABLE.keys() == every
    assert not CHECKS.keys() & NOT_APPLICABLE.keys()
    assert all(NOT_APPLICABLE.values())
