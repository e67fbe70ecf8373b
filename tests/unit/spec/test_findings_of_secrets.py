"""What is or may carry a secret in plaintext: a finding, which does not repeat it."""

from __future__ import annotations

import pytest

from floe_images.spec.load import check_text
from tests.support.findings import GOOD, findings_of, replaced

CANARY = "hunter2canary"
PLACES = {
    "password": "password: hunter2canary",
    "password in a mapping": "password: {hunter2canary: x}",
    "password of two": "password: {env: A, secret: hunter2canary}",
    "env that is none": "password: {env: 'hunter2canary!'}",
    "secret that is none": "password: {secret: '!hunter2canary'}",
    "a list": "password: [hunter2canary]",
    "a port": "port: hunter2canary",
    "a word": "sslmode: hunter2canary",
    "a typo": "pasword: hunter2canary",
    "an alias": "password: *hunter2canary",
    "a tag": "password: !hunter2canary x",
    "an anchor": "password: &hunter2canary x",
    "not closed": "password: 'hunter2canary",
    "two colons": "password: x: hunter2canary",
    "a percent": "password: %hunter2canary",
    "a number of threads": "threads: hunter2canary",
}


@pytest.mark.parametrize("line", PLACES.values(), ids=list(PLACES))
def test_a_plaintext_secret_is_a_finding_and_is_never_repeated(line: str) -> None:
    text = f"{GOOD}catalogs: {{}}\n".replace("  dev:", f"  pg:\n    adapter: postgres\n    {line}\n  dev:")
    found = findings_of(text)
    assert found
    assert CANARY not in "\n".join(found)


WRONG_PLACES = ['"1.0"', "flights", '"3.11"', "[duckdb]", "/var/lib/floe/f.duckdb", "default_target: dev"]


@pytest.mark.parametrize("old", WRONG_PLACES)
def test_a_secret_in_a_wrong_place_is_not_repeated(old: str) -> None:
    before, _, value = old.rpartition(": ")
    key = f"{before}: " if before else ""
    for wrong in (f'"{CANARY}!"', f'["{CANARY}!"]', f'{{x: "{CANARY}!"}}'):
        found = findings_of(replaced(old, key + wrong + ("}" if value.endswith("}") else "")))
        assert found
        assert CANARY not in "\n".join(found)


HOSTS = "must be a host name or an IP address alone, without scheme, user, port or path"
LIKE_HOSTS = {
    "targets.pg.host": "targets: {pg: {adapter: postgres, user: u, database: d, host: HOST}}",
    "targets.rs.host": (
        "targets: {rs: {adapter: redshift, user: u, database: d, schema: s, auth: {method: iam}, host: HOST}}"
    ),
    "targets.db.host": (
        "targets: {db: {adapter: databricks, http_path: /x, schema: s, auth: {method: token, token: {env: T}}, "
        "host: HOST}}"
    ),
    "targets.sf.account": (
        "targets: {sf: {adapter: snowflake, user: u, warehouse: w, database: d, schema: s, "
        "auth: {method: password, password: {env: P}}, account: HOST}}"
    ),
    "orchestration.metadata.host": "orchestration: {metadata: {type: postgres, user: u, database: d, host: HOST}}",
}


def about(path: str, line: str) -> list[str]:
    found = check_text(f'version: "1.0"\nname: x\n{line}\n'.encode())[1]
    assert CANARY not in "\n".join(finding.render("floe.yaml") for finding in found)
    return [finding.message for finding in found if finding.path == path]


@pytest.mark.parametrize("path", LIKE_HOSTS)
@pytest.mark.parametrize(
    "host",
    [f"u:{CANARY}@h", f"{CANARY}@h", f"h/{CANARY}", "h:5432", "https://h", "a..b", "h,i", "-h", "1::2::3", "h h"],
)
def test_a_host_is_a_host_and_nothing_else(path: str, host: str) -> None:
    assert about(path, LIKE_HOSTS[path].replace("HOST", f'"{host}"')) == [HOSTS]


@pytest.mark.parametrize("path", LIKE_HOSTS)
@pytest.mark.parametrize("host", ["db", "my_db-1", "db.example.org.", "10.0.0.1", "::1", "fe80::1"])
def test_a_host_name_or_address_is_taken(path: str, host: str) -> None:
    assert about(path, LIKE_HOSTS[path].replace("HOST", f'"{host}"')) == []
    assert about(path, LIKE_HOSTS[path].replace("HOST", "{env: PGHOST}")) == []


@pytest.mark.parametrize("key", ["host", "database", "user"])
def test_no_plain_setting_carries_a_password_in_an_address(key: str) -> None:
    line = f'targets: {{pg: {{adapter: postgres, {key}: "postgres://u:{CANARY}@h/db"}}}}'
    assert about(f"targets.pg.{key}", line) == ["an address may not carry a user name and a password"]
