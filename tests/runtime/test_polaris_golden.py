"""What a Polaris answers: one table of requests, as they were seen on a running 1.4.1, held against the double.

Where a real server can be had (tests/support/polaris_real.py), the same table is held against it.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.support.polaris_double import ROOT_SECRET, STORES, Polaris, double
from tests.support.polaris_golden import GOLDEN, Row, fits, play

_COUNT = itertools.count()


@pytest.fixture(scope="module", params=STORES)
def polaris(request: pytest.FixtureRequest) -> Iterator[Polaris]:
    with double(store=request.param) as found:
        yield found


@pytest.mark.parametrize(
    ("polaris", "row"),
    [
        pytest.param(store, row, id=f"{store}-{row.what.replace(' ', '-')}")
        for store in STORES
        for row in GOLDEN
        if row.store in (None, store)
    ],
    indirect=["polaris"],
    scope="module",  # else each row would start a server of its own
)
def test_the_double_answers_as_the_server_did(polaris: Polaris, row: Row) -> None:
    answer = play(polaris, row, f"n{next(_COUNT)}")
    assert answer.status_code == row.status, answer.text
    assert fits(answer, row.shows), answer.text
    assert answer.headers["X-Polaris-Double"] == "a double of Apache Polaris for tests"
    assert answer.headers["X-Answer-From"] == row.source


def test_a_repeated_assignment_is_a_no_op_from_1_7() -> None:
    row = next(row for row in GOLDEN if row.what == "an assignment twice, relational")
    with double("--answers-as", "1.7.0", store="relational-jdbc") as later:
        answer = play(later, row, "n")
    assert (answer.status_code, answer.headers["X-Answer-From"]) == (201, "1.7.0 read")


def test_file_storage_where_its_settings_are_set() -> None:
    storage = {"storageType": "FILE", "allowedLocations": ["file:///x"]}
    body = {"type": "INTERNAL", "name": "c", "properties": {"default-base-location": "file:///x"}}
    with double("--file-storage") as polaris:
        assert polaris.ask("POST", "M/catalogs", {**body, "storageConfigInfo": storage}).status_code == 201


def test_a_wrong_realm_is_404_before_anything_else(polaris: Polaris) -> None:
    other = Polaris(uri=polaris.uri, root=polaris.root, realm="OTHER")
    assert other.log_in(polaris.root).status_code == 404
    answer = requests.get(f"{polaris.uri}/api/management/v1/catalogs", headers={"Polaris-Realm": "OTHER"}, timeout=30)
    assert answer.status_code == 404


@pytest.mark.parametrize("header", [None, "Bearer garbage", "Bearer a.b.c"])
def test_without_a_token_401_with_an_empty_body(polaris: Polaris, header: str | None) -> None:
    headers = {"Authorization": header} if header else {}
    answer = requests.get(f"{polaris.uri}/api/management/v1/catalogs", headers=headers, timeout=30)
    assert (answer.status_code, answer.content, answer.headers["WWW-Authenticate"]) == (401, b"", "Bearer")


def test_a_token_of_a_deleted_principal_and_of_an_earlier_start_is_void(polaris: Polaris) -> None:
    made = polaris.root_does("POST", "M/principals", {"principal": {"name": "gone"}})["credentials"]
    token = polaris.token(f"{made['clientId']}:{made['clientSecret']}")
    polaris.root_does("DELETE", "M/principals/gone")
    with double() as later:
        for server in (polaris, later):
            answer = requests.get(
                f"{server.uri}/api/catalog/v1/config?warehouse=x",
                headers={"Authorization": f"Bearer {token}"},
                timeout=30,
            )
            assert (answer.status_code, answer.content) == (401, b"")


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({"client_secret": "wrong"}, 401, "unauthorized_client"),
        ({"client_id": "nobody"}, 401, "unauthorized_client"),
        ({"client_id": ""}, 400, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"scope": ""}, 400, "invalid_scope"),
        ({"scope": "openid"}, 400, "invalid_scope"),
    ],
)
def test_tokens_that_are_refused(polaris: Polaris, form: dict[str, str], status: int, error: str) -> None:
    answer = polaris.log_in(f"root:{ROOT_SECRET}", **form)
    assert (answer.status_code, answer.json()["error"]) == (status, error)


def test_a_token(polaris: Polaris) -> None:
    import base64
    import json

    answer = polaris.log_in(f"root:{ROOT_SECRET}").json()
    token = answer.pop("access_token").split(".")
    assert answer == {
        "token_type": "bearer",
        "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "expires_in": 3600,
    }
    head, claims = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in token[:2])
    assert head["alg"] == "RS256"
    assert claims.keys() == {"iss", "sub", "iat", "exp", "jti", "active", "client_id", "principalId", "scope"}
    assert claims["client_id"] == "root"
    assert claims["exp"] - claims["iat"] == 3600


def test_odd_requests(polaris: Polaris) -> None:
    tokens = f"{polaris.uri}/api/catalog/v1/oauth/tokens"
    assert requests.post(tokens, json={}, timeout=30).status_code == 415
    form = {"client_id": "root", "client_secret": ROOT_SECRET}
    nothing = requests.post(tokens, data=form, timeout=30)
    assert (nothing.status_code, nothing.json()["error"]["type"]) == (500, "NullPointerException")
    assert requests.post(
        tokens,
        data={"grant_type": "client_credentials", "scope": "PRINCIPAL_ROLE:ALL"},
        auth=("root", ROOT_SECRET),
        timeout=30,
    ).ok
    bearer = {"Authorization": f"Bearer {polaris.token(polaris.root)}", "Content-Type": "application/json"}
    catalogs = f"{polaris.uri}/api/management/v1/catalogs"
    assert requests.post(catalogs, data=b"{", headers=bearer, timeout=30).status_code == 400
    assert requests.post(catalogs, headers=bearer, timeout=30).status_code == 500
    assert requests.patch(catalogs, headers=bearer, timeout=30).status_code == 405
    assert polaris.ask("GET", "M/nothing").status_code == 404


def test_credentials_are_shown_once_and_turned(polaris: Polaris) -> None:
    made = polaris.root_does("POST", "M/principals", {"principal": {"name": "p"}})
    shown = made["credentials"]
    assert re.fullmatch("[0-9a-f]{16}", shown["clientId"])
    assert re.fullmatch("[0-9a-f]{32}", shown["clientSecret"])
    first = f"{shown['clientId']}:{shown['clientSecret']}"
    assert "clientSecret" not in polaris.ask("GET", "M/principals/p").text
    assert polaris.ask("POST", "M/principals/p/rotate").status_code == 403
    assert polaris.ask("POST", "M/principals/p/reset", {}, who=first).status_code == 403
    turned = polaris.ask("POST", "M/principals/p/rotate", who=first)
    second = _credential(turned)
    assert [polaris.log_in(each).status_code for each in (first, second)] == [200, 200]
    third = _credential(polaris.ask("POST", "M/principals/p/rotate", who=second))
    assert [polaris.log_in(each).status_code for each in (first, second, third)] == [401, 200, 200]
    given = {"clientId": "0123456789abcdef", "clientSecret": "f" * 32}
    assert _credential(polaris.ask("POST", "M/principals/p/reset", given)) == f"0123456789abcdef:{'f' * 32}"
    assert polaris.log_in(third).status_code == 401
    assert polaris.log_in(_credential(polaris.ask("POST", "M/principals/p/reset", {}))).status_code == 200


def test_grants_count_at_once_for_a_token_that_is_there(polaris: Polaris) -> None:
    play(polaris, next(row for row in GOLDEN if row.what == "a missing grant"), "late")
    made = polaris.root_does("POST", "M/principals", {"principal": {"name": "late"}})
    who = _credential_of(made)
    polaris.root_does("PUT", "M/principals/late/principal-roles", {"principalRole": {"name": "late-pr"}})
    assert polaris.ask("GET", "C/late/namespaces", who=who).status_code == 403
    grant = {"grant": {"type": "catalog", "privilege": "CATALOG_MANAGE_CONTENT"}}
    polaris.root_does("PUT", "M/catalogs/late/catalog-roles/late-cr/grants", grant)
    assert polaris.ask("GET", "C/late/namespaces", who=who).json() == {"namespaces": []}


def test_nobody_is_root_after_root_has_gone() -> None:
    with double() as polaris:
        assert polaris.ask("DELETE", "M/principals/root").status_code == 204
        assert polaris.log_in(polaris.root).status_code == 401


def _credential(answer: requests.Response) -> str:
    assert answer.status_code == 200, answer.text
    return _credential_of(answer.json())


def _credential_of(made: dict[str, Any]) -> str:
    return f"{made['credentials']['clientId']}:{made['credentials']['clientSecret']}"
