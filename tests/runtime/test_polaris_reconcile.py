"""``floe-runtime catalog`` against Polaris' double, with both of Polaris' stores."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from floe_images.artifacts.model import Reference
from tests.support.pinned import pinned_environment
from tests.support.polaris_changes import CREATED, credential, works
from tests.support.polaris_double import ROOT_SECRET, Catalogs, Roles, double


def test_from_nothing_and_then_nothing_to_change(catalogs: Catalogs) -> None:
    assert catalogs.plan() == CREATED
    assert not any(line.startswith(("PUT", "DELETE")) for line in catalogs.polaris.seen())
    told = catalogs.run("apply")
    assert (told.code, told.out.splitlines(), told.err) == (0, CREATED, "")
    assert works(catalogs)
    before = len(catalogs.polaris.seen())
    assert catalogs.apply() == []
    later = catalogs.polaris.seen()[before:]
    assert all(line.startswith("GET ") or line == "POST /api/catalog/v1/oauth/tokens" for line in later)
    assert catalogs.run("plan").out == "nothing to change: lake\n"


def test_the_check_has_a_code_of_its_own(catalogs: Catalogs) -> None:
    told = catalogs.run("plan", "--check")
    assert (told.code, told.out.splitlines()) == (63, CREATED)
    assert told.err == (
        "error: floe.yaml asks for 7 changes that Polaris does not have yet\nhint: floe catalog apply makes them\n"
    )
    catalogs.apply()
    assert catalogs.run("plan", "--check").code == 0


def test_a_credential_is_written_once_and_shown_nowhere(catalogs: Catalogs) -> None:
    told = catalogs.run("apply", "--json")
    file = catalogs.secrets / "lake-pipeline"
    secret = credential(catalogs).partition(":")[2]
    assert secret not in told.out + told.err
    assert ROOT_SECRET not in told.out + told.err
    assert stat.S_IMODE(file.stat().st_mode) == 0o444  # for containers' users; the folder keeps everybody else out
    written = file.stat().st_mtime_ns
    catalogs.apply()
    assert file.stat().st_mtime_ns == written
    assert sorted(path.name for path in catalogs.secrets.iterdir()) == ["lake-pipeline", "root"]


def test_in_a_folder_that_others_see_a_credential_is_for_its_owner_alone(catalogs: Catalogs) -> None:
    catalogs.secrets.chmod(0o755)
    catalogs.apply()
    assert stat.S_IMODE((catalogs.secrets / "lake-pipeline").stat().st_mode) == 0o600


def test_what_a_name_chooses(catalogs: Catalogs) -> None:
    catalogs.describe(catalogs.catalog("lake"), catalogs.catalog("pond"))
    assert catalogs.apply("lake") == CREATED
    assert catalogs.plan() == [line.replace("lake", "pond") for line in CREATED]
    told = catalogs.run("plan", "sea")
    assert (told.code, told.out) == (2, "")
    assert told.err == "error: floe.yaml has no managed catalog sea\nhint: managed are: lake, pond\n"


def test_one_principal_in_two_catalogs(catalogs: Catalogs) -> None:
    def manage(name: str) -> dict[str, Any]:
        secret = Reference(kind="secret", name="etl")
        return {
            "principals": {"etl": {"credential": secret, "principal_roles": [f"{name}-role"]}},
            "principal_roles": {f"{name}-role": {"catalog_roles": ["pipeline"]}},
            "catalog_roles": {"pipeline": {"privileges": ["CATALOG_MANAGE_CONTENT", "CATALOG_READ_PROPERTIES"]}},
        }

    catalogs.describe(*(catalogs.catalog(name, manage=manage(name)) for name in ("lake", "pond")))
    catalogs.apply("lake")
    catalogs.apply("pond")
    assert catalogs.plan() == []
    roles = catalogs.polaris.root_does("GET", "M/principals/etl/principal-roles")["roles"]
    assert {role["name"] for role in roles} == {"lake-role", "pond-role"}
    assert credential(catalogs, "etl")


def test_seen_from_somewhere_else(catalogs: Catalogs) -> None:
    catalogs.describe(uri="http://polaris.invalid:8181/api/catalog")
    told = catalogs.run("apply", "--at", f"{catalogs.polaris.uri}/")
    assert (told.code, told.out.splitlines()) == (0, CREATED)


def test_a_realm(roles: Roles, tmp_path: Path) -> None:
    with double(realm="shop") as polaris:
        polaris.realm = "shop"
        catalogs = Catalogs(tmp_path / "site", polaris, roles)
        assert catalogs.apply() == CREATED
        catalogs.describe(realm="SHOP")
        told = catalogs.run("plan")
    assert told.code == 62
    assert told.err.splitlines()[0] == f"error: no Polaris answers at {polaris.uri}/api/catalog with the realm SHOP"


def test_without_authentication(roles: Roles, tmp_path: Path) -> None:
    with double("--authentication", "none") as polaris:
        catalogs = Catalogs(tmp_path / "site", polaris, roles)
        catalogs.describe(authentication="none", credential=None, manage={"credential": None})
        assert catalogs.apply() == CREATED[:5]
        assert catalogs.plan() == []
        assert not any("tokens" in line for line in polaris.seen())


@pytest.mark.parametrize("version", ["1.4.1", "1.7.0"])
def test_with_the_oldest_client(tmp_path: Path, version: str) -> None:
    python = pinned_environment("polaris-1.4") / "python"
    with double("--answers-as", version, store="relational-jdbc") as polaris, Roles(python) as oldest:
        catalogs = Catalogs(tmp_path / "site", polaris, oldest)
        assert catalogs.apply() == CREATED
        assert catalogs.plan() == []
        assert works(catalogs)


def test_the_document(catalogs: Catalogs) -> None:
    document = json.loads(catalogs.run("plan", "--json").out)
    assert (document["applied"], document["catalogs"]) == (False, ["lake"])
    assert document["changes"][1] == {
        "server": f"{catalogs.polaris.uri}/api/management/v1",
        "change": "create catalog role",
        "says": "create the role pipeline in the catalog lake",
        "catalog": "lake",
        "role": "pipeline",
    }
