"""Compose files are values made of floe.yaml: hardened by construction, with no secret in them."""

from __future__ import annotations

import dataclasses

import pytest
import yaml

from floe_images.render.artifacts import compile_artifacts
from floe_images.render.compose.dagster import dagster_file
from floe_images.render.compose.model import INSIDE, OUTSIDE, ComposeFile, ComposeService
from floe_images.render.compose.write import render_compose, render_order
from floe_images.spec.load import check_text
from tests.unit.lock.sample import sample

YAML = """\
version: "1.0"
name: small
adapters: [duckdb, postgres]
targets:
  dev: {adapter: duckdb, path: /var/lib/floe/x.duckdb}
  prod: {adapter: postgres, host: HOST, user: u, password: {secret: pw}, database: d}
default_target: dev
transforms: [{type: dbt, path: transform}]
"""
METADATA = "orchestration: {metadata: {type: postgres, host: HOST, user: u, password: {secret: meta}, database: d}}\n"
TRACES = 'observability: {traces: {endpoint: "http://collector:4317", headers: {authorization: {secret: token}}}}\n'


def file(text: str, *, services: tuple[str, ...] = ()) -> ComposeFile:
    loaded, findings = check_text(text.encode())
    assert loaded is not None, findings
    artifacts = compile_artifacts(loaded.spec, sample())
    return dagster_file(artifacts, image="localhost/small:1", port=3300, services=services, secrets="../secrets")


def rendered(text: str, *, services: tuple[str, ...] = ()) -> dict:  # type: ignore[type-arg]
    return yaml.safe_load(render_compose(file(text, services=services)))  # type: ignore[no-any-return]


def test_every_container_is_hardened() -> None:
    services = rendered(YAML.replace("HOST", "h"))["services"]
    assert sorted(services) == ["code-server", "daemon", "webserver"]
    for service in services.values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["user"] == "10001:0"
        assert service["mem_limit"] == service["memswap_limit"]
        assert service["pids_limit"] in (256, 512)
        assert service["restart"] == "on-failure:5"
        assert service["pull_policy"] == "never"
        assert service["logging"]["options"] == {"max-size": "10m", "max-file": "3"}
        assert service["tmpfs"] == ["/tmp:rw,nosuid,nodev,mode=1777,size=512m"]
        assert service["healthcheck"]["retries"] == 6


def test_only_the_webserver_is_published_and_on_loopback() -> None:
    services = rendered(YAML.replace("HOST", "h"))["services"]
    assert {name: service.get("ports") for name, service in services.items()} == {
        "code-server": None,
        "daemon": None,
        "webserver": ["127.0.0.1:3300:3000"],
    }


@pytest.mark.parametrize(
    ("text", "services", "ways"),
    [
        (YAML.replace("HOST", "db.example"), (), {"code-server": True, "daemon": False}),
        (YAML.replace("HOST", "postgres"), ("postgres",), {"code-server": False, "daemon": False}),
        (YAML.replace("HOST", "postgres") + TRACES, ("postgres",), {"code-server": True, "daemon": False}),
        ((YAML + METADATA).replace("HOST", "db.example"), (), {"code-server": True, "daemon": True}),
        ((YAML + METADATA).replace("HOST", "postgres"), ("postgres",), {"code-server": False, "daemon": False}),
        (YAML.replace("HOST", "{env: PGHOST}"), ("postgres",), {"code-server": True, "daemon": False}),
    ],
)
def test_a_way_out_only_for_what_floe_yaml_names_out_there(
    text: str, services: tuple[str, ...], ways: dict[str, bool]
) -> None:
    found = {service.name: OUTSIDE in service.networks for service in file(text, services=services).services}
    assert found == {**ways, "webserver": True}
    assert rendered(text, services=services)["networks"][INSIDE] == {"internal": True}


def test_each_gets_the_secrets_that_it_looks_up() -> None:
    found = rendered((YAML + METADATA + TRACES).replace("HOST", "h"))
    assert {name: service.get("secrets") for name, service in found["services"].items()} == {
        "code-server": ["meta", "pw", "token"],
        "daemon": ["meta"],
        "webserver": ["meta"],
    }
    assert found["secrets"] == {name: {"file": f"../secrets/{name}"} for name in ("meta", "pw", "token")}


def test_services_come_first_but_a_file_is_usable_without_the_others() -> None:
    made = file(YAML.replace("HOST", "postgres"), services=("postgres",))
    services = yaml.safe_load(render_compose(made))["services"]
    healthy = {"condition": "service_healthy"}
    assert {name: each.get("depends_on") for name, each in services.items()} == {
        "code-server": None,
        "daemon": {"code-server": healthy},
        "webserver": {"code-server": healthy},
    }
    order = yaml.safe_load(render_order(made) or b"")
    assert order == {"services": {name: {"depends_on": {"postgres": healthy}} for name in services}}
    assert render_order(file(YAML.replace("HOST", "h"))) is None


def test_what_runs_once_is_not_started_again_and_has_no_way_out() -> None:
    once = ComposeService(name="init", image="i", once=True, networks=(INSIDE, OUTSIDE))
    made = dataclasses.replace(file(YAML.replace("HOST", "h")), services=(once,))
    service = yaml.safe_load(render_compose(made))["services"]["init"]
    assert (service["restart"], service["networks"]) == ("no", ["inside"])
    assert "healthcheck" not in service


def test_the_same_value_gives_the_same_bytes() -> None:
    text = YAML.replace("HOST", "h")
    assert render_compose(file(text)) == render_compose(file(text))
    assert b"volumes:\n  state:\n    name: floe-small-state\n" in render_compose(file(text))


@pytest.mark.parametrize(
    ("catalog", "out"),
    [
        ("{type: local, warehouse: /var/lib/floe/w}", False),
        ("{type: rest, uri: 'http://lake:8181', storage: {type: s3, endpoint: 'http://lake:8333'}}", False),
        ("{type: rest, uri: 'http://lake:8181', storage: {type: s3}}", True),
        ("{type: polaris, uri: 'https://far/api/catalog', warehouse: w, credential: {secret: c}}", True),
        ("{type: glue, region: eu-west-1}", True),
    ],
)
def test_a_way_out_for_a_catalog_or_a_store_out_there(catalog: str, out: bool) -> None:
    target = "  prod: {adapter: postgres, host: HOST, user: u, password: {secret: pw}, database: d}\n"
    text = YAML.replace(target, "") + f"catalogs: {{c: {catalog}}}\n"
    (code, _, _) = file(text, services=("lake",)).services
    assert (OUTSIDE in code.networks) is out
