"""Which secrets are whose, and what a made one looks like."""

from __future__ import annotations

import re

import pytest

from floe_images.plan.secrets import NamedSecret, make_value, named_secrets
from floe_images.render.artifacts import compile_artifacts
from floe_images.spec.load import check_text

YAML = """\
version: "1.0"
name: small
adapters: [duckdb, postgres]
targets:
  dev: {adapter: duckdb, path: /var/lib/floe/x.duckdb}
  prod: {adapter: postgres, host: postgres, user: u, password: {secret: warehouse}, database: d}
  far: {adapter: postgres, host: {env: FARHOST}, user: u, password: {secret: far}, database: d}
default_target: dev
catalogs:
  lake:
    type: rest
    uri: http://lake:8181
    warehouse: lake
    credential: {secret: lake}
    storage:
      {type: s3, endpoint: "http://lake:8333", access_key_id: {secret: s3_id}, secret_access_key: {secret: s3_key}}
transforms: [{type: dbt, path: transform}]
orchestration: {metadata: {type: postgres, host: postgres, user: m, password: {secret: meta}, database: dagster}}
"""


def named(*services: str) -> tuple[NamedSecret, ...]:
    loaded, findings = check_text(YAML.encode())
    assert loaded is not None, findings
    return named_secrets(compile_artifacts(loaded.spec, None), services)


def test_what_a_service_asks_for_is_made_and_the_rest_is_the_users() -> None:
    assert {each.name: (each.service, each.form) for each in named("postgres", "lake")} == {
        "FARHOST": (None, None),
        "far": (None, None),
        "lake": ("lake", "pair"),
        "meta": ("postgres", "password"),
        "s3_id": ("lake", "key_id"),
        "s3_key": ("lake", "password"),
        "warehouse": ("postgres", "password"),
    }
    assert {each.form for each in named()} == {None}


def test_each_says_who_refers_to_it() -> None:
    found = {each.name: (each.kind, each.settings) for each in named()}
    assert found["FARHOST"] == ("env", ("targets.far.host",))
    assert found["s3_id"] == ("secret", ("catalogs.lake.storage.access_key_id",))


def test_values_are_new_each_time_and_of_their_form() -> None:
    assert re.fullmatch(r"[\w-]{43}", make_value("password"))
    assert re.fullmatch(r"[0-9a-f]{20}", make_value("key_id"))
    assert re.fullmatch(r"[0-9a-f]{20}:[\w-]{43}", make_value("pair"))
    assert re.fullmatch(r"root:[\w-]{43}", make_value("root"))
    assert len({make_value("password") for _ in range(100)}) == 100
    with pytest.raises(ValueError, match="polaris"):
        make_value("polaris")
