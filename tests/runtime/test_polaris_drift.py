"""Somebody else has changed what floe made in Polaris: told, and mended, and nothing else is touched."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.polaris_changes import wait_until, works
from tests.support.polaris_double import Catalogs

DRIFT: tuple[tuple[str, Callable[[Catalogs], Any], list[str]], ...] = (
    (
        "a grant taken",
        lambda it: it.polaris.root_does(
            "POST",
            "M/catalogs/lake/catalog-roles/pipeline/grants",
            {"grant": {"type": "catalog", "privilege": "CATALOG_MANAGE_CONTENT"}},
        ),
        ["grant CATALOG_MANAGE_CONTENT on the catalog lake to its role pipeline"],
    ),
    (
        "a grant more",
        lambda it: it.polaris.root_does(
            "PUT",
            "M/catalogs/lake/catalog-roles/pipeline/grants",
            {"grant": {"type": "catalog", "privilege": "CATALOG_MANAGE_ACCESS"}},
        ),
        ["revoke CATALOG_MANAGE_ACCESS on the catalog lake from its role pipeline"],
    ),
    (
        "a role gone",
        lambda it: it.polaris.root_does("DELETE", "M/principal-roles/shop-lake"),
        [
            "create the principal role shop-lake",
            "assign the role pipeline of the catalog lake to the principal role shop-lake",
            "assign the principal role shop-lake to shop-lake",
        ],
    ),
    (
        "a role too many",
        lambda it: it.polaris.root_does(
            "PUT", "M/principals/shop-lake/principal-roles", {"principalRole": {"name": "service_admin"}}
        ),
        ["revoke the principal role service_admin from shop-lake"],
    ),
    (
        "a catalog role too many",
        lambda it: it.polaris.root_does(
            "PUT", "M/principal-roles/shop-lake/catalog-roles/lake", {"catalogRole": {"name": "catalog_admin"}}
        ),
        ["revoke the role catalog_admin of the catalog lake from the principal role shop-lake"],
    ),
    (
        "the principal gone",
        lambda it: it.polaris.root_does("DELETE", "M/principals/shop-lake"),
        [
            "create the principal shop-lake and write its credential to the secret lake-pipeline",
            "assign the principal role shop-lake to shop-lake",
        ],
    ),
    (
        "the credential reset",
        lambda it: it.polaris.root_does("POST", "M/principals/shop-lake/reset", {}),
        ["reset the credential of the principal shop-lake: the secret lake-pipeline is not its credential"],
    ),
    (
        "the secret gone",
        lambda it: (it.secrets / "lake-pipeline").unlink(),
        ["reset the credential of the principal shop-lake: the secret lake-pipeline is not there"],
    ),
    (
        "the secret another one",
        lambda it: _overwrite(it.secrets / "lake-pipeline", "0123456789abcdef:0123456789abcdef\n"),
        ["reset the credential of the principal shop-lake: the secret lake-pipeline is not its credential"],
    ),
    (
        "a namespace's grant, which is somebody else's",
        lambda it: it.polaris.root_does(
            "PUT",
            "M/catalogs/lake/catalog-roles/pipeline/grants",
            {"grant": {"type": "namespace", "namespace": ["a"], "privilege": "NAMESPACE_LIST"}},
        ),
        [],
    ),
    (
        "a catalog of somebody else's",
        lambda it: it.polaris.root_does("POST", "M/catalogs/lake/catalog-roles", {"catalogRole": {"name": "x"}}),
        [],
    ),
)


@pytest.mark.parametrize(("by_hand", "changes"), [each[1:] for each in DRIFT], ids=[each[0] for each in DRIFT])
def test_drift(catalogs: Catalogs, by_hand: Callable[[Catalogs], Any], changes: list[str]) -> None:
    catalogs.apply()
    by_hand(catalogs)
    assert catalogs.plan() == changes
    assert catalogs.apply() == changes
    assert catalogs.plan() == []
    assert works(catalogs)


def test_a_catalog_that_is_changed_keeps_what_floe_yaml_has_no_words_for(catalogs: Catalogs) -> None:
    catalogs.apply()
    now = catalogs.polaris.root_does("GET", "M/catalogs/lake")
    storage = {**now["storageConfigInfo"], "allowedKmsKeys": ["k"], "region": "eu-west-1"}
    properties = {**now["properties"], "by": "hand"}
    update = {"currentEntityVersion": now["entityVersion"], "properties": properties, "storageConfigInfo": storage}
    catalogs.polaris.root_does("PUT", "M/catalogs/lake", update)
    catalogs.describe(manage={"properties": {"owner": "shop"}})
    assert catalogs.apply() == ["update the catalog lake: owner becomes shop; region becomes unset"]
    after = catalogs.polaris.root_does("GET", "M/catalogs/lake")
    assert after["properties"] == {"default-base-location": "s3://lake/tables", "by": "hand", "owner": "shop"}
    assert after["storageConfigInfo"]["allowedKmsKeys"] == ["k"]
    assert "region" not in after["storageConfigInfo"]
    assert after["storageConfigInfo"]["stsUnavailable"] is True
    assert catalogs.plan() == []


def test_a_catalog_that_somebody_else_changes_meanwhile(catalogs: Catalogs) -> None:
    catalogs.apply()
    catalogs.describe(manage={"properties": {"owner": "shop"}})
    catalogs.polaris.throw({"method": "PUT", "path": "/catalogs/lake$", "how": "hang"})
    process = catalogs.start("apply")
    wait_until(lambda: any(line.endswith(" fault") for line in catalogs.polaris.seen()))
    body = {"currentEntityVersion": 1, "properties": {"by": "hand"}}
    catalogs.polaris.root_does("PUT", "M/catalogs/lake", body)
    process.kill()
    process.communicate()
    catalogs.polaris.throw({"method": "PUT", "path": "/catalogs/lake$", "how": 409})
    assert catalogs.apply() == ["update the catalog lake: owner becomes shop"]
    found = catalogs.polaris.root_does("GET", "M/catalogs/lake")
    assert (found["entityVersion"], found["properties"]["by"]) == (3, "hand")


def _overwrite(file: Path, text: str) -> None:
    file.unlink()
    file.write_text(text)
