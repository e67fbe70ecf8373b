"""``catalogs`` of type polaris: what a managed one needs, and what each finding says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from floe_images.lock.requirements import POLARIS, python_requirements
from floe_images.spec.load import check_text

STORAGE = {"type": "s3", "location": "s3://lake/w"}
USUAL = {
    "type": "polaris",
    "uri": "http://polaris:8181/api/catalog",
    "warehouse": "lake",
    "credential": {"secret": "pipeline"},
    "storage": STORAGE,
}
ROOT = {"credential": {"secret": "root"}}


def check(**catalog: Any) -> tuple[Any, list[str]]:
    document = {
        "version": "1.0",
        "name": "shop",
        "adapters": ["duckdb"],
        "targets": {"dev": {"adapter": "duckdb", "path": "/var/lib/floe/a.duckdb"}},
        "default_target": "dev",
        "transforms": [{"type": "dbt", "path": "transform"}],
        "catalogs": {"lake": {key: value for key, value in {**USUAL, **catalog}.items() if value is not None}},
    }
    loaded, findings = check_text(json.dumps(document).encode())
    return loaded and loaded.spec, [f"{finding.path}: {finding.message}" for finding in findings]


@pytest.mark.parametrize(
    "catalog",
    [
        {},
        {"storage": None},
        {"manage": ROOT},
        {"authentication": "none", "credential": None},
        {"authentication": "none", "credential": None, "manage": {}},
        {"storage": {"type": "local", "path": "/var/lib/floe/t"}, "manage": ROOT},
        {"storage": {"type": "s3"}, "manage": {**ROOT, "location": "s3://x/y"}},
        {
            "credential": {"env": "PIPELINE"},
            "manage": {
                **ROOT,
                "catalog_roles": {"r": {"privileges": ["TABLE_READ_DATA"]}},
                "principal_roles": {"p": {"catalog_roles": ["r"]}},
                "principals": {"ann": {"credential": {"secret": "ann"}, "principal_roles": ["p"]}},
            },
        },
    ],
)
def test_what_fits(catalog: dict[str, Any]) -> None:
    assert check(**catalog)[1] == []


def test_the_client_is_locked_only_where_floe_manages_the_server() -> None:
    assert POLARIS not in python_requirements(check()[0])
    assert POLARIS in python_requirements(check(manage=ROOT)[0])


@pytest.mark.parametrize(
    ("catalog", "finding"),
    [
        ({"credential": None}, ": needs a credential"),
        ({"authentication": "none"}, ": has a credential that authentication none does not use"),
        ({"manage": {}}, ": manage needs a credential, such as root's"),
        (
            {"authentication": "none", "credential": None, "manage": ROOT},
            ": manage has a credential that authentication none does not use",
        ),
        ({"manage": ROOT, "storage": None}, ": is managed, and so must have a storage with a location"),
        ({"manage": ROOT, "storage": {"type": "s3"}}, ": is managed, and so must have a storage with a location"),
        (
            {"manage": ROOT, "storage": {"type": "azure", "location": "abfss://c@a", "account": "a"}},
            ": is managed, and so its storage must have a tenant_id",
        ),
        (
            {"manage": ROOT, "credential": {"env": "PIPELINE"}},
            ": is managed, and so its credential must be a secret, a file that is written to",
        ),
        (
            {"manage": {"credential": "root:secret"}},
            ".manage.credential: a secret is only ever {env: NAME} or {secret: name}",
        ),
        (
            {"manage": {**ROOT, "principals": {"a": {"credential": {"secret": "a"}, "principal_roles": ["p"]}}}},
            ".manage: names principals, and so must name principal_roles",
        ),
        (
            {"manage": {**ROOT, "principal_roles": {"p": {"catalog_roles": ["r"]}}}},
            ".manage: names principal_roles, and so must name catalog_roles",
        ),
        (
            {
                "manage": {
                    **ROOT,
                    "principal_roles": {"p": {"catalog_roles": ["x"]}},
                    "catalog_roles": {"r": {"privileges": ["TABLE_READ_DATA"]}},
                }
            },
            ".manage: principal_roles.p has a role that catalog_roles does not name",
        ),
        (
            {"manage": {**ROOT, "catalog_roles": {"r": {"privileges": ["read"]}}}},
            ".manage.catalog_roles.r.privileges[0]: must be a privilege in Polaris' words",
        ),
        (
            {"manage": {**ROOT, "catalog_roles": {"catalog_admin": {"privileges": ["TABLE_READ_DATA"]}}}},
            ".manage: catalog_admin is Polaris' own",
        ),
    ],
)
def test_findings(catalog: dict[str, Any], finding: str) -> None:
    assert check(**catalog) == (None, [f"catalogs.lake{finding}"])
