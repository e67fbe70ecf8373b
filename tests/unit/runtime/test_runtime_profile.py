"""The profile that dbt gets: values of the artifacts, names of secrets, and never a secret."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from floe_images.artifacts.model import (
    CompiledArtifacts,
    DuckDBArtifact,
    ObservabilityArtifact,
    OrchestrationArtifact,
    Reference,
    Setting,
    Settings,
    TargetArtifact,
    TransformArtifact,
)
from floe_images.errors import ProjectError
from floe_images.runtime.places import Places
from floe_images.runtime.profile import Profile, make_profile

CANARY = "c4n4ry-{{ not rendered }}"


def _profile(
    folder: Path, adapter: str, settings: dict[str, Setting], environ: dict[str, str], memory: int | None = None
) -> Profile:
    target = TargetArtifact(name="t", adapter=adapter, settings=Settings(tuple(sorted(settings.items()))))
    artifacts = CompiledArtifacts(
        name="flights",
        adapters=(adapter,),
        targets=(target,),
        default_target="t",
        transforms=(TransformArtifact(type="dbt", path="project/transform"),),
        data=(),
        duckdb=DuckDBArtifact(version="1.5.5", directory="duckdb", extensions=("httpfs",)),
        orchestration=OrchestrationArtifact(metadata=Settings((("type", "sqlite"),)), schedules=(), sensors=()),
        observability=ObservabilityArtifact(traces=None, lineage=None),
        versions=Settings(),
    )
    places = Places.of({"FLOE_SECRETS_DIR": str(folder), **environ})
    return make_profile(artifacts, target, places=places, environ=environ, memory=memory)


def _output(profile: Profile) -> dict[str, object]:
    document = json.loads(json.dumps(profile.document))
    assert document["floe"]["target"] == "t"
    output: dict[str, object] = document["floe"]["outputs"]["t"]
    return output


def test_duckdb_fetches_nothing_and_writes_only_where_it_may(tmp_path: Path) -> None:
    settings: dict[str, Setting] = {"path": "/var/lib/floe/a.duckdb", "schema": "main", "threads": 4}
    assert _output(_profile(tmp_path, "duckdb", settings, {}, memory=2**30)) == {
        "type": "duckdb",
        "path": "/var/lib/floe/a.duckdb",
        "schema": "main",
        "threads": 4,
        "config_options": {
            "autoinstall_known_extensions": "false",
            "extension_directory": "/opt/floe/duckdb",
            "home_directory": "/tmp",
            "temp_directory": "/var/lib/floe/spill",
            "memory_limit": f"{2**29}B",
        },
    }


def test_outside_of_an_image_the_database_lies_in_the_state_folder(tmp_path: Path) -> None:
    output = _output(_profile(tmp_path, "duckdb", {"path": "/var/lib/floe/a/b.duckdb"}, {"FLOE_STATE_DIR": "/s"}))
    assert output["path"] == "/s/a/b.duckdb"
    assert "memory_limit" not in str(output)


def test_the_memory_that_floe_yaml_asks_for_wins(tmp_path: Path) -> None:
    settings: dict[str, Setting] = {"path": "/tmp/a.duckdb", "memory_limit": 300_000_000}
    output = _output(_profile(tmp_path, "duckdb", settings, {}, memory=2**30))
    assert output["config_options"]["memory_limit"] == "300000000B"  # type: ignore[index]
    assert "memory_limit" not in output


def test_a_secret_is_named_in_the_profile_and_its_value_is_beside_it(tmp_path: Path) -> None:
    (tmp_path / "pw").write_text(CANARY + "\n")
    settings: dict[str, Setting] = {
        "host": Reference(kind="env", name="PGHOST"),
        "password": Reference(kind="secret", name="pw"),
        "user": Reference(kind="env", name="PGUSER"),
        "port": 5432,
    }
    profile = _profile(tmp_path, "postgres", settings, {"PGHOST": "db", "PGUSER": "floe"})
    assert _output(profile) == {
        "type": "postgres",
        "host": "db",
        "password": "{{ env_var('DBT_ENV_SECRET_FLOE_0') }}",
        "user": "{{ env_var('DBT_ENV_SECRET_FLOE_1') }}",
        "port": 5432,
    }
    assert profile.secrets == (("DBT_ENV_SECRET_FLOE_0", CANARY), ("DBT_ENV_SECRET_FLOE_1", "floe"))
    assert "c4n4ry" not in repr(profile)


def test_a_file_wins_over_a_variable(tmp_path: Path) -> None:
    (tmp_path / "PGHOST").write_text("from-file")
    settings: dict[str, Setting] = {"host": Reference(kind="env", name="PGHOST")}
    assert _output(_profile(tmp_path, "postgres", settings, {"PGHOST": "from-environment"}))["host"] == "from-file"


@pytest.mark.parametrize(
    ("reference", "hint"),
    [
        (Reference(kind="secret", name="pw"), "put it into the file {folder}/pw"),
        (Reference(kind="env", name="pw"), "put it into the file {folder}/pw or set the variable pw"),
    ],
)
def test_what_is_missing_is_named_with_its_setting(tmp_path: Path, reference: Reference, hint: str) -> None:
    with pytest.raises(ProjectError, match=r"targets\.t\.password needs the (secret|value) pw") as caught:
        _profile(tmp_path, "postgres", {"password": reference}, {})
    assert caught.value.hint == hint.format(folder=tmp_path)


def test_a_variable_does_not_stand_in_for_a_mounted_secret(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="needs the secret pw"):
        _profile(tmp_path, "postgres", {"password": Reference(kind="secret", name="pw")}, {"pw": CANARY})


def test_a_secret_that_is_no_text_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "pw").write_bytes(b"\xffc4n4ry")
    with pytest.raises(ProjectError, match="cannot be read: not UTF-8 text") as caught:
        _profile(tmp_path, "postgres", {"password": Reference(kind="secret", name="pw")}, {})
    assert "c4n4ry" not in f"{caught.value} {caught.value.hint} {caught.value.__cause__}"


def test_a_template_in_a_plain_setting_is_not_handed_to_dbt(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"targets\.t\.user has a template mark"):
        _profile(tmp_path, "postgres", {"user": "{{ env_var('HOME') }}"}, {})


def test_an_adapter_without_a_profile_says_so(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="cannot make a dbt profile for the adapter sqlite"):
        _profile(tmp_path, "sqlite", {"path": "a"}, {})
