"""A real Apache Polaris, wherever one can be had; else the one line that says what was not run.

FLOE_TEST_POLARIS_URI (without /api) and FLOE_TEST_POLARIS_CREDENTIAL (ID:SECRET of root), and FLOE_TEST_POLARIS_REALM,
name a running one. FLOE_TEST_POLARIS_ARCHIVE names an archive of the image for `docker load`. Else the engine that the
environment names is asked whether it has the image already; nothing is pulled.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from floe_images.plan.polaris import TOKEN_KEY
from floe_images.render.compose.polaris import (
    SETTINGS,
    USER,
    PolarisSettings,
    polaris_environment,
    polaris_health,
    polaris_properties,
)
from tests.support.polaris_double import Polaris

IMAGE = "apache/polaris"
_READY = 90  # seconds


def why_not() -> str | None:
    """One line where there is none."""
    if os.environ.get("FLOE_TEST_POLARIS_URI") or os.environ.get("FLOE_TEST_POLARIS_ARCHIVE") or _image():
        return None
    return (
        "NOT RUN against a real Apache Polaris: no FLOE_TEST_POLARIS_URI, no FLOE_TEST_POLARIS_ARCHIVE, and no engine "
        f"that has the image {IMAGE}; only the double was asked"
    )


@contextlib.contextmanager
def real_polaris() -> Iterator[Polaris]:
    uri = os.environ.get("FLOE_TEST_POLARIS_URI")
    if uri:
        credential = os.environ.get("FLOE_TEST_POLARIS_CREDENTIAL", "")
        assert credential.count(":") == 1, "FLOE_TEST_POLARIS_CREDENTIAL is ID:SECRET"
        yield Polaris(uri=uri.rstrip("/"), root=credential, realm=os.environ.get("FLOE_TEST_POLARIS_REALM"))
        return
    image = _image()
    assert image is not None
    with polaris_container(image) as found:
        yield found


def _image() -> str | None:
    """The name or id of an image that the engine has."""
    archive = os.environ.get("FLOE_TEST_POLARIS_ARCHIVE")
    if archive:
        loaded = _docker("load", "--quiet", "--input", archive)
        assert loaded.returncode == 0, loaded.stderr
        return loaded.stdout.strip().rpartition(": ")[2]
    try:
        found = _docker("image", "ls", "--filter", f"reference={IMAGE}", "--format", "{{.ID}}")
    except FileNotFoundError:
        return None
    return found.stdout.split()[0] if found.returncode == 0 and found.stdout.split() else None


@contextlib.contextmanager
def polaris_container(image: str, *, host: str | None = None) -> Iterator[Polaris]:
    """Through testcontainers, whose reaper would be another image to pull; configured, started and asked whether it is
    ready as `floe up` does it, but that it keeps nothing. ``host``: where the engine publishes ports."""
    os.environ["TESTCONTAINERS_RYUK_DISABLED"] = "true"
    _as_docker_host(_environ())
    from testcontainers.core.container import DockerContainer

    root = f"root:{secrets.token_hex(16)}"
    with tempfile.TemporaryDirectory(prefix="floe-test-polaris-") as folder:
        _write_secrets(Path(folder), root)
        container = (
            DockerContainer(image)
            .with_exposed_ports(8181)
            .with_volume_mapping(folder, "/run/secrets", "ro")
            .with_tmpfs_mount("/tmp", "size=64m")
            .with_kwargs(
                user=USER,
                read_only=True,
                cap_drop=["ALL"],
                security_opt=["no-new-privileges"],
                mem_limit="768m",
            )
        )
        for name, value in polaris_environment():
            container = container.with_env(name, value)
        with container:
            wrapped = container.get_wrapped_container()
            end = time.monotonic() + _READY
            while wrapped.exec_run(list(polaris_health())).exit_code != 0:
                assert time.monotonic() < end, container.get_logs()
                time.sleep(0.5)
            where = host or container.get_container_host_ip()
            yield Polaris(uri=f"http://{where}:{container.get_exposed_port(8181)}", root=root)


def _write_secrets(folder: Path, root: str) -> None:
    folder.chmod(0o755)
    settings = polaris_properties(PolarisSettings(root=root, password=None))
    for name, data in ((SETTINGS, settings), (TOKEN_KEY, secrets.token_urlsafe(32).encode())):
        (folder / name).write_bytes(data)
        (folder / name).chmod(0o444)


def _environ() -> Mapping[str, str]:
    host = os.environ.get("FLOE_TEST_DOCKER_HOST")
    return {**os.environ, **({"DOCKER_HOST": host} if host else {})}


def _as_docker_host(environ: Mapping[str, str]) -> None:
    if "DOCKER_HOST" in environ:
        os.environ["DOCKER_HOST"] = environ["DOCKER_HOST"]


def _docker(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, env=dict(_environ()))
