"""floe's own Polaris as a container: what it is given, where it may go, and what it cannot be."""

from __future__ import annotations

import pytest
import yaml

from floe_images.artifacts.model import CompiledArtifacts, Reference
from floe_images.errors import ProjectError
from floe_images.plan.secrets import named_secrets
from floe_images.render.artifacts import compile_artifacts
from floe_images.render.compose.lake import ask_lake
from floe_images.render.compose.model import INSIDE, MEBIBYTE, OUTSIDE, ComposeFile, Need, Port
from floe_images.render.compose.polaris import polaris_database, polaris_files, polaris_service
from floe_images.render.compose.postgres import ask_postgres
from floe_images.render.compose.write import render_compose
from floe_images.spec.load import check_text

YAML = """\
version: "1.0"
name: small
adapters: [duckdb]
targets: {dev: {adapter: duckdb, path: /var/lib/floe/x.duckdb}}
default_target: dev
transforms: [{type: dbt, path: transform}]
services: {postgres: {}, lake: {}, polaris: {}}
catalogs:
  lake:
    type: polaris
    uri: http://polaris:8181/api/catalog
    warehouse: lake
    credential: {secret: pipeline}
    storage:
      {type: s3, location: "s3://tables/small", endpoint: "http://lake:8333", path_style: true, region: eu-west-1,
       access_key_id: {secret: s3_id}, secret_access_key: {secret: s3_key}}
    manage: {credential: {secret: root}}
"""
PRINCIPALS = """\
    manage:
      credential: {secret: root}
      principals:
        reader: {credential: {secret: reader}, principal_roles: [r]}
        writer: {credential: {secret: pipeline}, principal_roles: [r]}
      principal_roles: {r: {catalog_roles: [c]}}
      catalog_roles: {c: {privileges: [TABLE_READ_DATA]}}
"""
SERVICES = ("lake", "polaris", "postgres")
VALUES = {
    "pipeline": "id:s", "root": "root:canary-root", "s3_id": "canary-id", "s3_key": "canary-key",
    "polaris-database": "canary-db", "google": "{}",
}  # fmt: skip


def artifacts(text: str = YAML) -> CompiledArtifacts:
    loaded, findings = check_text(text.encode())
    assert loaded is not None, findings
    return compile_artifacts(loaded.spec, None)


def files(text: str = YAML, **values: str) -> dict[str, str]:
    def value(_: str, reference: Reference) -> str:
        return {**VALUES, **values}[reference.name]

    return {name: content.decode() for name, content in polaris_files(artifacts(text), value)}


def document(text: str = YAML) -> str:
    service = polaris_service(artifacts(text), image="i:1", memory=None, port=None, services=SERVICES)
    return render_compose(ComposeFile(name="polaris", project="p", services=(service,), secrets="../secrets")).decode()


def test_it_is_given_files_and_no_secret() -> None:
    text = document()
    service = yaml.safe_load(text)["services"]["polaris"]
    assert "canary" not in text
    assert service["environment"] == {
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_REGION": "eu-west-1",
        "AWS_SHARED_CREDENTIALS_FILE": "/run/secrets/polaris-aws",
        "JAVA_MAX_MEM_RATIO": "50",
        "SMALLRYE_CONFIG_LOCATIONS": "/run/secrets/polaris.properties",
    }
    assert service["secrets"] == ["polaris-aws", "polaris-token-key", "polaris.properties"]
    assert (service["user"], service["read_only"], service["cap_drop"]) == ("10000:10001", True, ["ALL"])
    assert service["healthcheck"]["test"][:2] == ["CMD", "curl"]
    assert service["mem_limit"] == "768m"


def test_its_settings_are_one_file() -> None:
    found = files()
    assert sorted(found) == ["polaris-aws", "polaris.properties"]
    settings = dict(line.split("=", 1) for line in found["polaris.properties"].splitlines())
    assert settings["polaris.bootstrap.credentials"] == "POLARIS,root,canary-root"
    assert settings["polaris.persistence.type"] == "relational-jdbc"
    assert settings["polaris.persistence.type"] in settings["polaris.persistence.auto-bootstrap-types"].split(",")
    assert settings["quarkus.datasource.jdbc.url"] == "jdbc:postgresql://postgres:5432/polaris"
    assert settings["quarkus.datasource.password"] == "canary-db"
    assert settings['polaris.features."SUPPORTED_CATALOG_STORAGE_TYPES"'] == '["S3"]'
    assert found["polaris-aws"].splitlines() == [
        "[default]", "aws_access_key_id = canary-id", "aws_secret_access_key = canary-key",
    ]  # fmt: skip


def test_its_database_is_one_more_of_postgres() -> None:
    asked = ask_postgres(artifacts(), memory=None, port=None, more=(polaris_database(),))
    assert dict(asked.init_env) == {"FLOE_ROLES": "polaris=polaris-database", "FLOE_DATABASES": "polaris=polaris"}
    assert asked.init_secrets == ("polaris-database",)


def test_the_lake_lets_it_in() -> None:
    assert dict(ask_lake(artifacts(), memory=None, port=None, s3_port=None).init_env) == {"FLOE_BUCKETS": ""}


@pytest.mark.parametrize(
    ("old", "new", "out", "needs"),
    [
        ("", "", False, ["lake", "postgres"]),
        ('endpoint: "http://lake:8333"', 'endpoint: "http://far:8333"', True, ["postgres"]),
        ('endpoint: "http://lake:8333", ', "", True, ["postgres"]),
    ],
)
def test_it_waits_for_its_store_and_goes_out_only_to_one_out_there(
    old: str, new: str, out: bool, needs: list[str]
) -> None:
    assert old in YAML
    found = polaris_service(
        artifacts(YAML.replace(old, new)), image="i", memory=512 * MEBIBYTE, port=None, services=SERVICES
    )
    assert (OUTSIDE in found.networks, INSIDE in found.networks) == (out, True)
    assert found.needs == tuple(Need(service=name, condition="healthy") for name in needs)
    assert found.memory == 512 * MEBIBYTE


def test_a_published_one_is_on_loopback() -> None:
    found = polaris_service(artifacts(), image="i", memory=None, port=8282, services=SERVICES)
    assert found.ports == (Port(host=8282, container=8181),)
    assert OUTSIDE in found.networks


@pytest.mark.parametrize(
    ("old", "new", "services", "message"),
    [
        ("", "", ("lake", "polaris"), "keeps its entries in floe's own PostgreSQL"),
        ("    manage: {credential: {secret: root}}\n", "", SERVICES, "no catalog with `manage` is at http://polaris:8181"),
        ("http://polaris:8181", "http://far:8181", SERVICES, "no catalog with `manage` is at http://polaris:8181"),
        (
            "{type: s3, location: \"s3://tables/small\", endpoint: \"http://lake:8333\", path_style: true, "
            "region: eu-west-1,\n       access_key_id: {secret: s3_id}, secret_access_key: {secret: s3_key}}",
            "{type: local, path: /var/lib/floe/tables}",
            SERVICES,
            "catalogs.lake.storage: floe's own Polaris keeps tables in S3",
        ),
        (
            "catalogs:\n",
            "catalogs:\n  r: {type: rest, uri: 'http://lake:8181', warehouse: tables, credential: {secret: r}}\n",
            SERVICES,
            "catalogs.lake.storage.location is in tables, a warehouse of the lake's own catalog",
        ),
    ],
)  # fmt: skip
def test_what_it_cannot_be_is_named(old: str, new: str, services: tuple[str, ...], message: str) -> None:
    assert old in YAML
    with pytest.raises(ProjectError, match=message):
        polaris_service(artifacts(YAML.replace(old, new)), image="i", memory=None, port=None, services=services)


def test_authentication_none_is_none_of_its_own() -> None:
    text = YAML.replace("    credential: {secret: pipeline}\n", "    authentication: none\n")
    text = text.replace("manage: {credential: {secret: root}}", "manage: {}")
    with pytest.raises(ProjectError, match="floe's own Polaris asks everybody who is there"):
        polaris_service(artifacts(text), image="i", memory=None, port=None, services=SERVICES)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("root", "root:a,b"),
        ("root", "root:a\tb"),
        ("root", "a;b:c"),
        ("polaris-database", "a${b}"),
        ("polaris-database", "a\\b"),
        ("polaris-database", "a b"),
    ],
)
def test_a_secret_that_its_settings_cannot_carry_is_named_and_not_shown(name: str, value: str) -> None:
    with pytest.raises(ProjectError, match="has a character that Polaris' settings cannot carry") as caught:
        files(**{name: value})
    assert value not in str(caught.value)


def test_a_root_that_is_no_pair_is_named_and_not_shown() -> None:
    with pytest.raises(ProjectError) as caught:
        files(root="canary-17")
    assert str(caught.value) == "catalogs.lake.manage.credential is not of the form ID:SECRET"


def forms(text: str, *services: str) -> dict[str, tuple[str | None, str | None]]:
    return {each.name: (each.service, each.form) for each in named_secrets(artifacts(text), services)}


def test_whose_secrets_are_whose() -> None:
    assert forms(YAML, *SERVICES) == {
        "pipeline": ("polaris", "polaris"),
        "polaris-database": ("polaris", "password"),
        "polaris-token-key": ("polaris", "password"),
        "root": ("polaris", "root"),
        "s3_id": ("lake", "key_id"),
        "s3_key": ("lake", "password"),
    }
    with_principals = YAML.replace("    manage: {credential: {secret: root}}\n", PRINCIPALS)
    found = forms(with_principals, *SERVICES)
    assert (found["reader"], found["pipeline"]) == (("polaris", "polaris"), ("polaris", "polaris"))


def test_a_managed_polaris_of_somebody_elses_makes_credentials_as_well() -> None:
    found = forms(YAML.replace("http://polaris:8181", "https://polaris.example"), "postgres", "lake")
    assert (found["pipeline"], found["root"]) == ((None, "polaris"), (None, None))
    assert "polaris-database" not in found
