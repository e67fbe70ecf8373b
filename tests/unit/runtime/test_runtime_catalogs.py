"""Catalogs of floe.yaml → what PyIceberg and DuckDB are told, to the last word, and no secret in any repr."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from floe_images.artifacts.model import CatalogArtifact, Reference, Settings
from floe_images.errors import ProjectError
from floe_images.runtime.catalogs.attach import duckdb
from floe_images.runtime.catalogs.client import pyiceberg
from floe_images.runtime.catalogs.lookup import Lookup, Properties
from floe_images.runtime.places import Places

S3 = {
    "type": "s3",
    "location": "s3://bucket/tables",
    "endpoint": "http://lake:8333",
    "region": "us-east-1",
    "path_style": True,
    "access_key_id": Reference(kind="env", name="S3_KEY"),
    "secret_access_key": Reference(kind="secret", name="s3"),
}
GCS = {
    "type": "gcs",
    "project": "p",
    "credentials": Reference(kind="secret", name="gcs"),
    "endpoint": "http://gcs:4443",
}
AZURE = {
    "type": "azure",
    "account": "acc",
    "tenant_id": "t",
    "client_id": "c",
    "client_secret": Reference(kind="secret", name="azure"),
}
POLARIS = {
    "uri": "http://polaris:8181/api/catalog",
    "warehouse": "prod",
    "scope": "PRINCIPAL_ROLE:ALL",
    "realm": "R",
    "credential": Reference(kind="secret", name="polaris"),
}
VALUES = {"s3": "s3-secret", "gcs": "{}", "azure": "azure-secret", "polaris": "id:po:laris", "token": "to-ken"}


@pytest.fixture
def lookup(tmp_path: Path) -> Lookup:
    for name, value in VALUES.items():
        (tmp_path / name).write_text(f"{value}\n")
    state = Path("/elsewhere")
    places = Places(artifacts=tmp_path, home=tmp_path, state=state, secrets=tmp_path, scratch=tmp_path)
    return Lookup(places, {"S3_KEY": "key"})


def _catalog(kind: Any, settings: dict[str, Any], storage: dict[str, Any] | None = None) -> CatalogArtifact:
    more = {"storage": Settings(tuple(storage.items()))} if storage else {}
    return CatalogArtifact(name="lake", type=kind, settings=Settings(tuple({**settings, **more}.items())))


IN_S3 = {
    "s3.endpoint": "http://lake:8333",
    "s3.region": "us-east-1",
    "s3.access-key-id": "key",
    "s3.secret-access-key": "s3-secret",
    "s3.force-virtual-addressing": "false",
}
BY_POLARIS = {
    "type": "rest",
    "uri": "http://polaris:8181/api/catalog",
    "warehouse": "prod",
    "scope": "PRINCIPAL_ROLE:ALL",
    "credential": "id:po:laris",
    "oauth2-server-uri": "http://polaris:8181/api/catalog/v1/oauth/tokens",
    "header.Polaris-Realm": "R",
}


@pytest.mark.parametrize(
    ("catalog", "expected"),
    [
        (_catalog("polaris", POLARIS), BY_POLARIS),
        (_catalog("polaris", POLARIS, S3), {**BY_POLARIS, **IN_S3, "header.X-Iceberg-Access-Delegation": ""}),
        (
            _catalog("rest", {"uri": "http://r", "token": Reference(kind="secret", name="token")}),
            {"type": "rest", "uri": "http://r", "token": "to-ken"},
        ),
        (
            _catalog("hive", {"uri": "thrift://h:9083", "warehouse": "s3://w"}, S3),
            {"type": "hive", "uri": "thrift://h:9083", "warehouse": "s3://w", **IN_S3},
        ),
        (
            _catalog("glue", {"region": "eu-west-1", "endpoint": "http://moto:5000"}, S3),
            {
                "type": "glue",
                "glue.region": "eu-west-1",
                "glue.endpoint": "http://moto:5000",
                "warehouse": "s3://bucket/tables",
                **IN_S3,
            },
        ),
        (
            _catalog("local", {"warehouse": "/var/lib/floe/wh"}),
            {"type": "sql", "uri": "sqlite:////elsewhere/wh/catalog.sqlite", "warehouse": "file:///elsewhere/wh"},
        ),
        (
            _catalog("local", {"warehouse": "/var/lib/floe/wh"}, {"type": "local", "path": "/var/lib/floe/t"}),
            {"type": "sql", "uri": "sqlite:////elsewhere/wh/catalog.sqlite", "warehouse": "file:///elsewhere/t"},
        ),
        (
            _catalog("local", {"warehouse": "/var/lib/floe/wh"}, AZURE),
            {
                "type": "sql",
                "uri": "sqlite:////elsewhere/wh/catalog.sqlite",
                "warehouse": "file:///elsewhere/wh",
                "py-io-impl": "pyiceberg.io.fsspec.FsspecFileIO",
                "adls.account-name": "acc",
                "adls.tenant-id": "t",
                "adls.client-id": "c",
                "adls.client-secret": "azure-secret",
            },
        ),
    ],
)
def test_pyiceberg(catalog: CatalogArtifact, expected: dict[str, str], lookup: Lookup) -> None:
    found = pyiceberg(catalog, lookup)
    assert dict(found) == expected
    assert not any(value in repr(found) for value in VALUES.values() if len(value) > 2)


def test_stores_that_are_not_the_clouds_own(lookup: Lookup) -> None:
    azure = {**AZURE, "account_key": Reference(kind="secret", name="azure"), "endpoint": "http://azurite:10000/acc"}
    found = pyiceberg(_catalog("local", {"warehouse": "/var/lib/floe/wh"}, azure), lookup)
    assert found["adls.connection-string"] == (
        "DefaultEndpointsProtocol=http;AccountName=acc;AccountKey=azure-secret;BlobEndpoint=http://azurite:10000/acc"
    )
    assert "azure-secret" not in repr(found)
    google = {name: value for name, value in GCS.items() if name != "credentials"}
    assert pyiceberg(_catalog("rest", {"uri": "http://r"}, google), lookup)["gcs.oauth2.token"] == "anon"


def test_a_google_key_is_named_by_its_file(lookup: Lookup, tmp_path: Path) -> None:
    found = pyiceberg(_catalog("rest", {"uri": "http://r"}, GCS), lookup)
    assert found["gcs.oauth2.token"] == str(tmp_path / "gcs")
    assert found["gcs.service.host"] == "http://gcs:4443"
    (tmp_path / "gcs").unlink()
    with pytest.raises(ProjectError, match=r"catalogs\.lake\.storage\.credentials must be mounted as a file"):
        pyiceberg(_catalog("rest", {"uri": "http://r"}, GCS), lookup)


def test_duckdb(lookup: Lookup) -> None:
    found = duckdb(_catalog("polaris", POLARIS, S3), lookup)
    assert found
    assert [*found.statements()] == [
        "create or replace secret floe_catalog (type iceberg, oauth2_scope 'PRINCIPAL_ROLE:ALL', "
        "oauth2_server_uri 'http://polaris:8181/api/catalog/v1/oauth/tokens', client_id 'id', "
        "client_secret 'po:laris')",
        "create or replace secret floe_storage (type s3, key_id 'key', region 'us-east-1', endpoint 'lake:8333', "
        "use_ssl 'false', url_style 'path', secret 's3-secret')",
        "attach 'prod' as \"lake\" (type iceberg, endpoint 'http://polaris:8181/api/catalog', secret 'floe_catalog', "
        "access_delegation_mode 'none', stage_create_tables 'false')",
    ]
    assert "po:laris" not in repr(found)
    assert "s3-secret" not in repr(found)


def test_duckdb_without_a_credential(lookup: Lookup) -> None:
    found = duckdb(_catalog("rest", {"uri": "http://r", "warehouse": "it's"}), lookup)
    assert found
    assert [*found.statements()] == [
        "attach 'it''s' as \"lake\" (type iceberg, endpoint 'http://r', authorization_type 'none')"
    ]


@pytest.mark.parametrize(
    "catalog",
    [
        _catalog("local", {"warehouse": "/var/lib/floe/wh"}),
        _catalog("hive", {"uri": "thrift://h:9083"}, S3),
        _catalog("glue", {"region": "eu-west-1"}, S3),
        _catalog("polaris", POLARIS, AZURE),
        _catalog("rest", {"uri": "http://r"}, GCS),
    ],
)
def test_what_duckdb_cannot_attach(catalog: CatalogArtifact, lookup: Lookup) -> None:
    assert duckdb(catalog, lookup) is None


def test_a_credential_without_a_colon_is_told_and_not_shown(lookup: Lookup, tmp_path: Path) -> None:
    (tmp_path / "polaris").write_text("nonsense")
    with pytest.raises(ProjectError) as caught:
        duckdb(_catalog("polaris", POLARIS, S3), lookup)
    assert str(caught.value) == "catalogs.lake.credential is not a client id and a secret, ID:SECRET"


def test_placeholders_look_nothing_up(tmp_path: Path) -> None:
    places = Places(artifacts=tmp_path, home=tmp_path, state=tmp_path, secrets=tmp_path / "none", scratch=tmp_path)
    found = duckdb(_catalog("polaris", POLARIS, S3), Lookup(places, {}, placeholders=True))
    assert found
    assert found.secrets[0].options["client_secret"] == "placeholder"


def test_joined_properties_keep_what_is_hidden() -> None:
    both = Properties({"a": "1", "b": None}, {"c": "2"}).joined(Properties({"a": "3"}, {"d": "4"}))
    assert (dict(both), both.secrets) == ({"a": "3", "c": "2", "d": "4"}, ("2", "4"))
    assert repr(both) == "{'a': '3', 'c': '***', 'd': '***'}"
