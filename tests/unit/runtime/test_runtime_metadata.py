"""What Dagster's processes get: names for dagster.yaml, and one secret in one variable."""

from __future__ import annotations

import dataclasses
import socket
import sys
import types
from pathlib import Path

import pytest

from floe_images.artifacts.codec import decode
from floe_images.artifacts.model import CompiledArtifacts, OrchestrationArtifact, Reference, Setting, Settings
from floe_images.errors import InfrastructureError, ProjectError
from floe_images.runtime import log
from floe_images.runtime.metadata import PASSWORD, connect_postgres, dagster_environment
from floe_images.runtime.places import Places

POSTGRES: dict[str, Setting] = {
    "type": "postgres",
    "host": "db.internal",
    "port": 5433,
    "user": Reference(kind="env", name="DB_USER"),
    "password": Reference(kind="secret", name="dagster"),
    "database": "dagster",
}


def _with(inside: dict[str, str], metadata: dict[str, Setting]) -> CompiledArtifacts:
    artifacts = decode((Path(inside["FLOE_HOME"]) / "artifacts.json").read_bytes(), where="artifacts.json")
    settings = Settings(tuple(sorted(metadata.items())))
    orchestration = OrchestrationArtifact(metadata=settings, schedules=(), sensors=())
    return dataclasses.replace(artifacts, orchestration=orchestration)


def test_sqlite_needs_places_only(inside: dict[str, str], tmp_path: Path) -> None:
    found = dagster_environment(_with(inside, {"type": "sqlite"}), Places.of(inside), inside)
    assert found == {
        "DAGSTER_HOME": f"{tmp_path}/dagster",
        "DAGSTER_DISABLE_TELEMETRY": "yes",
        "GIT_PYTHON_REFRESH": "quiet",
        "FLOE_DAGSTER_STATE": f"{tmp_path}/state/dagster",
    }


def test_postgres_is_named_by_variables_and_its_password_is_hidden_from_the_log(
    inside: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "_hidden", set())
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/dagster").write_text("c4n4ry\n")
    environ = {**inside, "FLOE_SECRETS_DIR": str(tmp_path / "secrets"), "DB_USER": "floe"}
    found = dagster_environment(_with(inside, POSTGRES), Places.of(environ), environ)
    assert {name: value for name, value in found.items() if "FLOE_DAGSTER" in name} == {
        "FLOE_DAGSTER_STATE": f"{tmp_path}/state/dagster",
        "FLOE_DAGSTER_HOST": "db.internal",
        "FLOE_DAGSTER_PORT": "5433",
        "FLOE_DAGSTER_USER": "floe",
        "FLOE_DAGSTER_DATABASE": "dagster",
        PASSWORD: "c4n4ry",
    }
    assert log.one_line("said c4n4ry") == "said ***"


def test_a_missing_password_is_named(inside: dict[str, str], tmp_path: Path) -> None:
    environ = {**inside, "FLOE_SECRETS_DIR": str(tmp_path / "none"), "DB_USER": "floe"}
    with pytest.raises(ProjectError) as raised:
        dagster_environment(_with(inside, POSTGRES), Places.of(environ), environ)
    assert str(raised.value) == "orchestration.metadata.password needs the secret dagster, which is not there"


ENVIRON = {
    "FLOE_DAGSTER_HOST": "127.0.0.1",
    "FLOE_DAGSTER_PORT": "5432",
    "FLOE_DAGSTER_USER": "floe",
    "FLOE_DAGSTER_DATABASE": "dagster",
    PASSWORD: "c4n4ry",
}


@pytest.fixture
def psycopg2(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """Stands for the driver, which is only in the image: connects to nothing but a socket."""
    module = types.ModuleType("psycopg2")

    class OperationalError(Exception):
        pass

    def connect(*, host: str, port: str, **_settings: object) -> socket.socket:
        try:
            return socket.create_connection((host, int(port)), timeout=1)
        except OSError as fault:
            raise OperationalError(f"connection to server failed: {fault.strerror}\n\tIs it running?\n") from None

    module.OperationalError = OperationalError  # type: ignore[attr-defined]
    module.connect = connect  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "psycopg2", module)
    return module


def test_a_postgres_that_is_away_is_one_line(psycopg2: types.ModuleType) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
        with pytest.raises(InfrastructureError) as raised:
            connect_postgres({**ENVIRON, "FLOE_DAGSTER_PORT": port}, patience=0)
        assert str(raised.value) == (
            f"Dagster's Postgres at 127.0.0.1:{port} cannot be reached: connection to server failed: Connection refused"
        )
        free.listen()
        connect_postgres({**ENVIRON, "FLOE_DAGSTER_PORT": port}, patience=0)


def test_a_postgres_that_refuses_is_not_waited_for(psycopg2: types.ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_settings: object) -> None:
        raise psycopg2.OperationalError(
            'connection to server at "127.0.0.1", port 5432 failed: FATAL:  password authentication failed for user "x"'
        )

    monkeypatch.setattr(psycopg2, "connect", refuse)
    with pytest.raises(InfrastructureError) as raised:
        connect_postgres(ENVIRON, patience=60)
    assert str(raised.value) == (
        'Dagster\'s Postgres at 127.0.0.1:5432 refuses us: password authentication failed for user "x"'
    )


def test_without_postgres_there_is_nobody_to_reach() -> None:
    assert connect_postgres({}) is None
