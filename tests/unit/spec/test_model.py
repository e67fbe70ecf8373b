"""A valid floe.yaml → these values."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from floe_images.errors import DiskError, SpecError, UsageError
from floe_images.image.platform import Platform
from floe_images.spec.explain import refusal
from floe_images.spec.image import Revision
from floe_images.spec.load import Loaded, check_text, load_spec
from floe_images.spec.model import Spec
from floe_images.spec.values import EnvRef, SecretRef, Url, parse_size

FULL = Path(__file__).parent / "full.yaml"
SMALL = """\
version: "1.0"
name: small
adapters: [duckdb]
targets: {dev: {adapter: duckdb, path: /tmp/x.duckdb}}
default_target: dev
transforms: [{type: dbt, path: transform}]
"""


def loaded(text: str) -> Loaded:
    found, findings = check_text(text.encode(), Path("floe.yaml"))
    assert found is not None, findings
    return found


def test_defaults() -> None:
    spec = loaded(SMALL).spec
    assert spec.image.platforms == (Platform("linux", "amd64"), Platform("linux", "arm64"))
    assert spec.image.python == "3.11"
    assert spec.image.max_size == 2_000_000_000
    assert (spec.image.repository, spec.image.tag) == ("localhost/small", "latest")
    assert spec.image.mirrors.python is None
    assert spec.image.mirrors.ca_certificates == ()
    assert (spec.image.python_packages, spec.image.debian_packages, spec.data) == ((), (), ())
    assert spec.image.debug is False
    assert spec.orchestration.metadata.type == "sqlite"
    assert spec.orchestration.schedules == ()
    assert (spec.observability.traces, spec.observability.lineage) == ("off", "off")
    assert spec.catalogs == {}


def test_every_part_is_read() -> None:
    spec = load_spec(FULL).spec
    mirrors = spec.image.mirrors
    assert spec.image.platforms == (Platform("linux", "arm64"),)
    assert spec.image.max_size == 1_610_612_736
    assert [(package.name, package.skip_scripts) for package in spec.image.debian_packages] == [
        ("tzdata", False),
        ("libpq5", True),
    ]
    assert mirrors.python is not None
    assert (mirrors.python.username, mirrors.python.password) == ("reader", SecretRef(secret="mirror_password"))
    assert mirrors.debian is not None
    assert (mirrors.debian.url, mirrors.debian.password) == ("https://mirror.test/debian", None)
    assert mirrors.debian_security is not None
    assert mirrors.debian_security.username == EnvRef(env="MIRROR_USER")
    assert [type(target).__name__ for target in spec.targets.values()] == [
        "DuckDBTarget",
        "PostgresTarget",
        *["SnowflakeTarget"] * 3,
        *["BigQueryTarget"] * 3,
        *["RedshiftTarget"] * 2,
        *["DatabricksTarget"] * 2,
    ]
    assert [catalog.type for catalog in spec.catalogs.values()] == ["polaris", "rest", "hive", "glue", "local"]
    assert spec.data[0].place == "/opt/floe/data/flights.csv"
    assert [sensor.type for sensor in spec.orchestration.sensors] == ["run_status", "file_arrival", "freshness"]
    assert dump(spec)["orchestration"]["sensors"][1]["interval"] == 300
    assert dump(spec)["orchestration"]["sensors"][2]["max_age"] == 21_600
    assert dump(spec)["targets"]["duck"] == {
        "catalog": None,
        "threads": 2,
        "adapter": "duckdb",
        "path": "/var/lib/floe/a.duckdb",
        "schema_name": "work",
        "memory_limit": 512_000_000,
    }
    assert dump(spec)["targets"]["snow_key"]["auth"] == {
        "method": "key_pair",
        "private_key": {"secret": "k"},
        "passphrase": {"env": "P"},
    }


def dump(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return {name: dump(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, dict):
        return {key: dump(item) for key, item in value.items()}
    return [dump(item) for item in value] if isinstance(value, tuple) else value


def test_a_spec_is_frozen() -> None:
    spec = loaded(SMALL).spec
    with pytest.raises(ValidationError):
        spec.image.tag = "other"  # type: ignore[misc]


def test_a_spec_is_equal_to_one_of_the_same_text() -> None:
    assert loaded(SMALL).spec == loaded("# comment\n" + SMALL).spec
    assert loaded(SMALL).spec != loaded(SMALL.replace("/tmp/x", "/tmp/y")).spec


def test_where() -> None:
    found = loaded(SMALL)
    assert found.where("targets.dev.path") == "floe.yaml:4:40"
    assert found.where("adapters[0]") == "floe.yaml:3:12"
    assert found.where("targets.dev.threads") == "floe.yaml:4:16"
    assert found.where("image.python") == "floe.yaml:1:1"


@pytest.mark.parametrize("word", ["off", "no", "on", "yes", "OFF", "0x", "1_000", "1:30", "<<", "=", "2020-01-01"])
def test_what_yaml_1_1_takes_for_something_else_is_text(word: str) -> None:
    spec = loaded(SMALL + f"catalogs: {{c: {{type: glue, region: {word}}}}}\n").spec
    assert dump(spec)["catalogs"]["c"]["region"] == word


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("2GB", 2 * 10**9),
        ("1.5 GB", 15 * 10**8),
        ("512 MiB", 512 * 2**20),
        ("7", 7),
        ("0.1kB", 100),
        ("1TB", 10**12),
        ("1 KiB", 1024),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


def test_load_spec_raises_with_all_findings(tmp_path: Path) -> None:
    path = tmp_path / "floe.yaml"
    path.write_text('version: "1.0"\nnmae: x\n')
    with pytest.raises(SpecError) as caught:
        load_spec(path)
    assert caught.value.message == f"{caught.value.findings[0].partition(':')[0]} has 6 findings"
    assert caught.value.findings[-1] == f"{path}:2:1: nmae: is not a key here (did you mean name?)"


def test_no_file_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no"):
        load_spec(tmp_path / "floe.yaml")


def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(UsageError) as caught:
            load_spec(path)
        assert caught.value.message == f"{path} is not a file"


def test_a_path_through_a_file_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DiskError, match="cannot be read"):
        load_spec(tmp_path / "file" / "floe.yaml")


@pytest.mark.parametrize(
    ("kind", "value", "says"),
    [
        (Url, "https://u:hunter2@h/x", "an address may not carry a user name, a password, ? or #"),
        (Url, "git@h:x", "must be an address that begins with https:// or http://"),
        (Url, "", "must be an address that begins with https:// or http://"),
        (Url, "https://h/x", None),
        (Revision, "a b\n", "must be a revision of letters, digits and . _ / + -"),
        (Revision, "v1.0+x/y_z-1", None),
        (Revision, "a" * 256, "is longer than 255"),
    ],
)
def test_a_value_from_elsewhere_is_held_against_the_same_type(kind: object, value: str, says: str | None) -> None:
    assert refusal(kind, value) == says


def test_every_field_is_described() -> None:
    def models(model: type[BaseModel]) -> list[type[BaseModel]]:
        return [model, *(inner for sub in model.__subclasses__() for inner in models(sub))]

    from floe_images.spec import schema
    from floe_images.spec.values import Strict

    schema.make_schema()  # imports every part
    fields = [(model.__name__, name, info) for model in models(Strict) for name, info in model.model_fields.items()]
    assert len(fields) > 150
    assert [f"{model}.{name}" for model, name, info in fields if not info.description] == []
    assert Spec in models(Strict)
