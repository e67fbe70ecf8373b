"""Profiles of services: what is missing or wrong names its setting, and never the value."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from floe_images.artifacts.model import (
    CompiledArtifacts,
    ObservabilityArtifact,
    OrchestrationArtifact,
    Reference,
    Settings,
    TargetArtifact,
)
from floe_images.errors import ProjectError
from floe_images.runtime.places import Places
from floe_images.runtime.profile import Profile, make_profile

CANARY = "c4n4ry"
SNOWFLAKE = {"account": "a", "user": "u", "warehouse": "w", "database": "d", "schema": "s"}
BIGQUERY = {"project": "p", "dataset": "d"}
REDSHIFT = {"host": "h", "port": 5439, "user": "u", "database": "d", "schema": "s", "sslmode": "prefer"}
DATABRICKS = {"host": "h", "http_path": "/sql", "schema": "s"}


def _setting(value: Any) -> Any:
    """A mapping as `Settings`; a word that begins with ``@`` as a reference to a secret, with ``$`` to a variable."""
    if isinstance(value, dict):
        return Settings(tuple(sorted((key, _setting(item)) for key, item in value.items())))
    if isinstance(value, str) and value[:1] in ("@", "$"):
        return Reference(kind="secret" if value[0] == "@" else "env", name=value[1:])
    return value


def _profile(
    adapter: str,
    settings: dict[str, Any],
    secrets: Path,
    *,
    environ: dict[str, str] | None = None,
    placeholders: bool = False,
) -> Profile:
    target = TargetArtifact(name="t", adapter=adapter, settings=_setting(settings))
    artifacts = CompiledArtifacts(
        name="n",
        adapters=(adapter,),
        targets=(target,),
        default_target="t",
        transforms=(),
        data=(),
        duckdb=None,
        orchestration=OrchestrationArtifact(metadata=Settings(), schedules=(), sensors=()),
        observability=ObservabilityArtifact(traces=None, lineage=None),
        versions=Settings(),
    )
    places = Places.of({"FLOE_SECRETS_DIR": str(secrets)})
    return make_profile(artifacts, target, places=places, environ=environ or {}, memory=None, placeholders=placeholders)


def _output(profile: Profile) -> Any:
    return json.loads(json.dumps(profile.document))["floe"]["outputs"]["t"]


def _key(*options: str) -> str:
    new = ["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:prime256v1", *options]
    return subprocess.run(new, capture_output=True, text=True, check=True).stdout


PAIR = {**SNOWFLAKE, "auth": {"method": "key_pair", "private_key": "@key"}}
LOCKED = {**SNOWFLAKE, "auth": {"method": "key_pair", "private_key": "@key", "passphrase": "@phrase"}}
ACCOUNT = {**BIGQUERY, "auth": {"method": "service_account", "key": "@key"}}
IDENTITY = {**BIGQUERY, "auth": {"method": "workload_identity", "credential_config": "$CONFIG"}}
WRONG: list[tuple[str, dict[str, Any], dict[str, str], str]] = [
    ("snowflake", {**SNOWFLAKE, "auth": {"method": "password", "password": "@pw"}}, {},
     "targets.t.auth.password needs the secret pw, which is not there"),
    ("snowflake", PAIR, {"key": CANARY}, "targets.t.auth.private_key is not a PEM private key"),
    ("snowflake", PAIR, {"key": f"-----BEGIN PRIVATE KEY-----\\n{CANARY}\\n-----END PRIVATE KEY-----"},
     "targets.t.auth.private_key is not a PEM private key: its line breaks are written as \\n"),
    ("snowflake", PAIR, {"key": f"-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----"},
     "targets.t.auth.private_key is not a PEM private key: what it encloses is not base64"),
    ("snowflake", PAIR, {"key": "-----BEGIN CERTIFICATE-----\nTUlJ\n-----END CERTIFICATE-----"},
     "targets.t.auth.private_key is not a PEM private key"),
    ("snowflake", PAIR, {"key": _key("-aes256", "-pass", f"pass:{CANARY}")},
     "targets.t.auth.private_key is encrypted, and there is no targets.t.auth.passphrase"),
    ("snowflake", LOCKED, {"key": _key(), "phrase": CANARY},
     "targets.t.auth.passphrase is given, and targets.t.auth.private_key is not encrypted"),
    ("snowflake", {**SNOWFLAKE, "auth": {"method": "oauth", "token": "@key", "client_id": "c"}}, {"key": CANARY},
     "targets.t.auth.client_secret is missing"),
    ("snowflake", {**SNOWFLAKE, "auth": {"method": "password", "password": "@pw"}}, {"pw": f"{CANARY}\0"},
     "targets.t.auth.password has a NUL character"),
    ("bigquery", ACCOUNT, {"key": f"{{{CANARY}"}, "targets.t.auth.key is not JSON"),
    ("bigquery", ACCOUNT, {"key": json.dumps({"type": "authorized_user", "x": CANARY})},
     'targets.t.auth.key is JSON, but not of "type": "service_account"'),
    ("bigquery", ACCOUNT, {"key": json.dumps({"type": "service_account", "client_email": CANARY})},
     "targets.t.auth.key has no private_key"),
    ("bigquery", ACCOUNT,
     {"key": json.dumps({"type": "service_account", "client_email": "e", "private_key": CANARY, "token_uri": "u"})},
     "targets.t.auth.key: its private_key is not a PEM private key"),
    ("bigquery", IDENTITY, {"CONFIG": f"/nowhere/{CANARY}"},
     "the file that targets.t.auth.credential_config names cannot be read: No such file or directory"),
    ("bigquery", IDENTITY, {"CONFIG": f'{{"type": "{CANARY}"}}'},
     'targets.t.auth.credential_config is JSON, but not of "type": "external_account"'),
    ("redshift", {**REDSHIFT, "auth": {"method": "iam"}}, {}, "targets.t.auth.cluster_id is missing"),
    ("redshift", {**REDSHIFT, "sslmode": "disable", "auth": {"method": "iam", "cluster_id": "c"}}, {},
     "targets.t.sslmode is disable, and IAM needs TLS"),
    ("databricks", {**DATABRICKS, "auth": {"method": "token", "token": "@token"}}, {},
     "targets.t.auth.token needs the secret token, which is not there"),
    ("databricks", {**DATABRICKS, "auth": {"method": "magic"}}, {}, "targets.t.auth.method is none of token, oauth"),
]  # fmt: skip


@pytest.mark.parametrize(("adapter", "settings", "secrets", "message"), WRONG)
def test_what_is_wrong_names_its_setting(
    tmp_path: Path, adapter: str, settings: dict[str, Any], secrets: dict[str, str], message: str
) -> None:
    for name, text in secrets.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(ProjectError) as caught:
        _profile(adapter, settings, tmp_path)
    assert caught.value.message == message
    assert CANARY not in f"{caught.value} {caught.value.hint} {caught.value.__cause__}"


def test_a_configuration_in_a_variable_has_no_file_to_read(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="is the configuration itself; mount it as a file"):
        _profile("bigquery", IDENTITY, tmp_path, environ={"CONFIG": '{"type": "external_account"}'})


def test_words_that_are_no_secrets_stay_readable_in_logs(tmp_path: Path) -> None:
    settings = {
        "account": "$ACCOUNT", "user": "u", "warehouse": "$WAREHOUSE", "database": "$DATABASE", "schema": "s",
        "auth": {"method": "password", "password": "@pw"},
    }  # fmt: skip
    (tmp_path / "pw").write_text(CANARY)
    profile = _profile("snowflake", settings, tmp_path, environ={"ACCOUNT": "a", "WAREHOUSE": "w", "DATABASE": "d"})
    assert _output(profile) == {
        "type": "snowflake", "account": "a", "user": "u", "warehouse": "w", "database": "d", "schema": "s",
        "password": "{{ env_var('DBT_ENV_SECRET_FLOE_0') }}",
    }  # fmt: skip
    assert profile.secrets == (("DBT_ENV_SECRET_FLOE_0", CANARY),)
    assert profile.credentials == ("targets.t.auth.password",)
    assert CANARY not in repr(profile)


@pytest.mark.parametrize(
    ("adapter", "settings"),
    [
        ("snowflake", LOCKED),
        ("bigquery", ACCOUNT),
        ("bigquery", IDENTITY),
        ("redshift", {**REDSHIFT, "host": "$HOST", "auth": {"method": "iam"}}),
        ("databricks", {**DATABRICKS, "auth": {"method": "oauth", "client_id": "$C", "client_secret": "@s"}}),
    ],
)
def test_with_placeholders_nothing_is_looked_up(tmp_path: Path, adapter: str, settings: dict[str, Any]) -> None:
    profile = _profile(adapter, settings, tmp_path / "absent", placeholders=True)
    assert profile.secrets == ()
    assert profile.environ == ()
    assert _output(profile)["type"] == adapter
