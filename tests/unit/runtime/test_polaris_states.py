"""Polaris without a server: artifacts → desired state → changes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from floe_images.artifacts.model import CatalogArtifact, Reference, Setting
from floe_images.errors import ProjectError, UsageError
from floe_images.runtime.polaris.desired import desired, seen_at
from floe_images.runtime.polaris.difference import difference
from floe_images.runtime.polaris.state import (
    CatalogRoleState,
    CatalogState,
    PolarisState,
    PrincipalRoleState,
    PrincipalState,
    Server,
)
from tests.support.polaris_double import artifacts, as_settings

ROOT = Reference(kind="secret", name="root")
PIPELINE = Reference(kind="secret", name="pipeline")


def catalog(name: str = "lake", *, manage: dict[str, Any] | None = None, **settings: Any) -> CatalogArtifact:
    usual = {
        "uri": "http://polaris:8181/api/catalog",
        "warehouse": name,
        "credential": PIPELINE,
        "scope": "PRINCIPAL_ROLE:ALL",
        "storage": {"type": "s3", "location": f"s3://{name}/w", "region": Reference(kind="env", name="REGION")},
        "manage": {"credential": ROOT, **(manage or {})},
    }
    return CatalogArtifact(name=name, type="polaris", settings=as_settings({**usual, **settings}))


def resolve(setting: Setting, path: str) -> str:
    return f"<{path}>" if isinstance(setting, Reference) else str(setting)


def test_the_defaults() -> None:
    (found,) = desired(artifacts(catalog()), resolve)
    assert found.server == Server(
        setting="catalogs.lake",
        catalog_uri="http://polaris:8181/api/catalog",
        management_uri="http://polaris:8181/api/management/v1",
        realm=None,
        credential=ROOT,
        scope="PRINCIPAL_ROLE:ALL",
    )
    assert found.state == PolarisState(
        catalogs=(
            CatalogState(
                name="lake",
                location="s3://lake/w",
                allowed=("s3://lake/w",),
                storage_type="S3",
                storage=(("region", "<catalogs.lake.storage.region>"),),
                properties=(),
            ),
        ),
        catalog_roles=(CatalogRoleState(catalog="lake", name="pipeline", privileges=("CATALOG_MANAGE_CONTENT",)),),
        principal_roles=(PrincipalRoleState(name="shop-lake", catalog_roles=(("lake", "pipeline"),)),),
        principals=(PrincipalState(name="shop-lake", roles=("shop-lake",), secret="pipeline", credential="kept"),),
    )


def state(*catalogs: CatalogArtifact, names: tuple[str, ...] = ()) -> PolarisState:
    (found,) = desired(artifacts(*catalogs), resolve, names=names)
    return found.state


@pytest.mark.parametrize(
    ("storage", "server", "location", "kind", "told"),
    [
        (
            {"type": "s3", "location": "s3://b/w", "endpoint": "http://lake:8333", "path_style": True},
            {"endpoint_internal": "http://inner:8333"},
            "s3://b/w",
            "S3",
            {
                "endpoint": "http://lake:8333",
                "endpointInternal": "http://inner:8333",
                "pathStyleAccess": True,
                "stsUnavailable": True,
            },
        ),
        (
            {"type": "s3", "location": "s3://b/w", "endpoint": "http://lake:8333", "path_style": False},
            {"sts_unavailable": False, "sts_endpoint": "http://sts"},
            "s3://b/w",
            "S3",
            {"endpoint": "http://lake:8333", "stsEndpoint": "http://sts"},
        ),
        (
            {"type": "s3", "location": "s3://b/w", "role_arn": "arn:x"},
            {"external_id": "y"},
            "s3://b/w",
            "S3",
            {"roleArn": "arn:x", "externalId": "y"},
        ),
        (
            {"type": "gcs", "location": "gs://b/w"},
            {"service_account": "a@b"},
            "gs://b/w",
            "GCS",
            {"gcsServiceAccount": "a@b"},
        ),
        (
            {"type": "azure", "location": "abfss://c@a/w", "account": "a", "tenant_id": "t"},
            {"hierarchical": True},
            "abfss://c@a/w",
            "AZURE",
            {"tenantId": "t", "hierarchical": True},
        ),
        ({"type": "local", "path": "/var/lib/floe/t"}, {}, "file:///var/lib/floe/t", "FILE", {}),
    ],
    ids=["s3-store", "s3-sts", "s3-aws", "gcs", "azure", "local"],
)
def test_storages(
    storage: dict[str, Any], server: dict[str, Any], location: str, kind: str, told: dict[str, Any]
) -> None:
    (found,) = state(catalog(storage=storage, manage={"server_storage": server})).catalogs
    assert (found.location, found.storage_type, dict(found.storage)) == (location, kind, told)


def test_what_is_named_is_all_there_is() -> None:
    manage = {
        "location": "s3://other/w",
        "allowed_locations": ["s3://more/w"],
        "properties": {"owner": "shop"},
        "catalog_roles": {"reads": {"privileges": ["TABLE_READ_DATA"]}, "writes": {"privileges": ["TABLE_WRITE_DATA"]}},
        "principal_roles": {"bi": {"catalog_roles": ["reads"]}, "etl": {"catalog_roles": ["writes", "reads"]}},
        "principals": {"ann": {"credential": Reference(kind="secret", name="ann"), "principal_roles": ["etl", "bi"]}},
    }
    found = state(catalog(manage=manage))
    assert found.catalogs[0].allowed == ("s3://more/w", "s3://other/w")
    assert found.catalogs[0].properties == (("owner", "shop"),)
    assert [(each.name, each.privileges) for each in found.catalog_roles] == [
        ("reads", ("TABLE_READ_DATA",)),
        ("writes", ("TABLE_WRITE_DATA",)),
    ]
    assert [(each.name, each.catalog_roles) for each in found.principal_roles] == [
        ("bi", (("lake", "reads"),)),
        ("etl", (("lake", "reads"), ("lake", "writes"))),
    ]
    assert found.principals == (PrincipalState(name="ann", roles=("bi", "etl"), secret="ann", credential="kept"),)


def test_nobody_logs_in_where_nobody_is_asked() -> None:
    found = state(catalog(credential=None, manage={"credential": None}))
    assert found.principals == ()
    assert len(found.principal_roles) == 1


def test_a_name_brings_all_roles_of_its_principals_and_no_other_catalog() -> None:
    def manage(role: str) -> dict[str, Any]:
        return {
            "catalog_roles": {"r": {"privileges": ["TABLE_READ_DATA"]}},
            "principal_roles": {role: {"catalog_roles": ["r"]}},
            "principals": {"ann": {"credential": PIPELINE, "principal_roles": [role]}},
        }

    found = state(catalog("a", manage=manage("of-a")), catalog("b", manage=manage("of-b")), names=("a",))
    assert [each.name for each in found.catalogs] == ["a"]
    assert found.principals[0].roles == ("of-a", "of-b")
    assert [(each.name, each.catalog_roles) for each in found.principal_roles] == [
        ("of-a", (("a", "r"),)),
        ("of-b", ()),
    ]


def test_servers_are_told_apart_by_address_and_realm() -> None:
    found = desired(
        artifacts(catalog("a"), catalog("b", realm="B"), catalog("c", manage={"uri": "http://m/api/management/v1"})),
        resolve,
    )
    assert [(each.server.management_uri, each.server.realm) for each in found] == [
        ("http://polaris:8181/api/management/v1", None),
        ("http://polaris:8181/api/management/v1", "B"),
        ("http://m/api/management/v1", None),
    ]


@pytest.mark.parametrize(
    ("catalogs", "message"),
    [
        ((catalog("a"), catalog("b", warehouse="a")), "two managed catalogs of one server have the warehouse a"),
        ((catalog(uri="http://polaris:8181"),), "does not end in /api/catalog"),
        (
            (
                catalog("a", manage={"credential": ROOT}),
                catalog("b", manage={"credential": PIPELINE}),
            ),
            "name one server and two credentials",
        ),
    ],
)
def test_contradictions(catalogs: tuple[CatalogArtifact, ...], message: str) -> None:
    with pytest.raises(ProjectError, match=message):
        state(*catalogs)


def test_a_name_that_is_none() -> None:
    with pytest.raises(UsageError, match="no managed catalog sea"):
        state(catalog(), names=("sea",))
    with pytest.raises(UsageError, match="no catalog of floe"):
        desired(artifacts(), resolve)


def test_seen_at() -> None:
    server = desired(artifacts(catalog()), resolve)[0].server
    found = seen_at(server, "http://127.0.0.1:8181/")
    assert (found.catalog_uri, found.management_uri) == (
        "http://127.0.0.1:8181/api/catalog",
        "http://127.0.0.1:8181/api/management/v1",
    )
    for wrong in ("127.0.0.1:8181", "http://u:p@h", "ftp://h", "http://h?x"):
        with pytest.raises(UsageError):
            seen_at(server, wrong)


def test_nothing_differs_from_itself_and_everything_from_nothing() -> None:
    wanted = state(catalog())
    assert difference(wanted, wanted) == ()
    assert [change.action for change in difference(wanted, PolarisState())] == [
        "create catalog",
        "create catalog role",
        "grant",
        "create principal role",
        "assign catalog role",
        "create principal",
        "assign principal role",
    ]


def test_what_is_given_comes_before_what_is_taken() -> None:
    wanted = state(catalog())
    other = replace(
        wanted,
        catalog_roles=(CatalogRoleState(catalog="lake", name="pipeline", privileges=("TABLE_DROP",)),),
        principals=(PrincipalState(name="shop-lake", roles=("x",), secret="pipeline", credential="kept"),),
    )
    assert [change.action for change in difference(wanted, other)] == [
        "grant",
        "assign principal role",
        "revoke principal role",
        "revoke",
    ]


def test_an_update_says_what_changes_and_keeps_other_properties() -> None:
    wanted = state(catalog(manage={"properties": {"owner": "shop"}}))
    there = replace(
        wanted.catalogs[0],
        version=7,
        location="s3://old/w",
        allowed=("s3://old/w",),
        storage=(("endpoint", "http://s3"), ("stsUnavailable", True)),
        properties=(("by", "hand"), ("owner", "nobody")),
    )
    (change,) = difference(wanted, replace(wanted, catalogs=(there,)))
    assert str(change) == (
        "update the catalog lake: location s3://old/w becomes s3://lake/w; allowed locations become s3://lake/w; "
        "owner becomes shop; endpoint becomes unset; region becomes <catalogs.lake.storage.region>; "
        "stsUnavailable becomes unset"
    )
    assert change.catalog.version == 7  # type: ignore[attr-defined]
    assert change.catalog.properties == (("by", "hand"), ("owner", "shop"))  # type: ignore[attr-defined]


@pytest.mark.parametrize("part", [{"storage_type": "GCS"}, {"kind": "EXTERNAL"}])
def test_what_no_request_changes(part: dict[str, str]) -> None:
    wanted = state(catalog())
    there = replace(wanted.catalogs[0], **part)  # type: ignore[arg-type]
    with pytest.raises(ProjectError, match="the catalog lake"):
        difference(wanted, replace(wanted, catalogs=(there,)))
