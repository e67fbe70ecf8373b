"""What floe.yaml asks of floe's own PostgreSQL and lake, and the containers that follow from it."""

from __future__ import annotations

import json

import pytest
import yaml

from floe_images.artifacts.model import CompiledArtifacts
from floe_images.errors import ProjectError
from floe_images.lock.recipe import recipe
from floe_images.render.artifacts import compile_artifacts
from floe_images.render.compose.lake import ask_lake, lake_identities
from floe_images.render.compose.model import INSIDE, MEBIBYTE, OUTSIDE, ComposeFile, Need, Port
from floe_images.render.compose.postgres import ask_postgres, postgres_of_image
from floe_images.render.compose.recipes import recipe_services
from floe_images.render.compose.write import render_compose
from floe_images.spec.load import check_text
from tests.unit.plan.test_secrets import YAML


def artifacts(text: str = YAML) -> CompiledArtifacts:
    loaded, findings = check_text(text.encode())
    assert loaded is not None, findings
    return compile_artifacts(loaded.spec, None)


def test_roles_and_databases_are_those_of_whoever_names_it() -> None:
    asked = ask_postgres(artifacts(), memory=None, port=5433)
    assert dict(asked.init_env) == {"FLOE_ROLES": "m=meta u=warehouse", "FLOE_DATABASES": "d=u dagster=m"}
    assert asked.init_secrets == ("meta", "warehouse")
    assert asked.secrets == ()
    assert asked.ports == (Port(host=5433, container=5432),)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "user: m, password: {secret: meta}, database: dagster",
            "user: u, password: {secret: meta}, database: dagster",
            r"the role u has two passwords: warehouse and meta \(orchestration.metadata\)",
        ),
        ("database: dagster", "database: d", r"the database d has two owners: u and m \(orchestration.metadata\)"),
        ("user: m, password: {secret: meta},", "user: m,", "orchestration.metadata needs a password"),
        ("user: m", "user: {env: PGUSER}", "orchestration.metadata.user has to be written out"),
    ],
)
def test_what_it_cannot_take_is_named(old: str, new: str, message: str) -> None:
    assert old in YAML
    with pytest.raises(ProjectError, match=message):
        ask_postgres(artifacts(YAML.replace(old, new)), memory=None, port=None)


def test_the_lake_knows_each_pair_and_makes_each_warehouse() -> None:
    asked = ask_lake(artifacts(), memory=256 * MEBIBYTE, port=8181, s3_port=None)
    assert asked.init_env == (("FLOE_BUCKETS", "lake"),)
    assert asked.secrets == asked.init_secrets == ("lake-identities",)
    assert asked.ports == (Port(host=8181, container=8181),)
    values = {"lake": "id1:one:two", "s3_id": "id2", "s3_key": "three"}
    text = lake_identities(artifacts(), lambda _, reference: values[reference.name])
    (identity,) = json.loads(text)["identities"]
    assert identity["account"] == {"id": "000000000000"}
    assert identity["credentials"] == [
        {"accessKey": "id1", "secretKey": "one:two"},
        {"accessKey": "id2", "secretKey": "three"},
    ]


def test_a_credential_that_is_no_pair_is_named_and_not_shown() -> None:
    with pytest.raises(ProjectError) as caught:
        lake_identities(artifacts(), lambda _, __: "canary-90")
    assert str(caught.value) == "catalogs.lake.credential is not of the form ID:SECRET"


def test_what_prepares_a_volume_ends_before_the_service_starts() -> None:
    asked = ask_postgres(artifacts(), memory=None, port=None)
    init, serving = recipe_services("postgres", recipe("postgres"), image="i:1", init="i-init:1", asked=asked)
    assert (init.name, init.image, init.once, init.networks) == ("postgres-init", "i-init:1", True, (INSIDE,))
    assert init.secrets == ("meta", "warehouse")
    assert init.volumes == serving.volumes == (("postgres", "/var/lib/postgresql"),)
    assert serving.needs == (Need(service="postgres-init", condition="ended"),)
    assert (serving.secrets, serving.networks, serving.memory) == ((), (INSIDE,), 512 * MEBIBYTE)


def test_a_published_service_is_on_the_network_that_leads_out() -> None:
    asked = ask_lake(artifacts(), memory=256 * MEBIBYTE, port=8181, s3_port=8333)
    (_, serving) = recipe_services("lake", recipe("lake"), image="i:1", init="j:1", asked=asked)
    assert serving.networks == (INSIDE, OUTSIDE)
    assert serving.memory == 256 * MEBIBYTE


def test_postgres_of_an_image_is_prepared_and_served_as_the_recipe_does() -> None:
    asked = ask_postgres(artifacts(), memory=None, port=None)
    services = postgres_of_image(recipe("postgres"), image="postgres:17", asked=asked)
    init, serving = services
    assert (init.name, init.once, init.entrypoint) == ("postgres-init", True, ("sh", "/usr/lib/floe/postgres-init"))
    assert serving.entrypoint == ("postgres", "-c", "config_file=/etc/floe/postgres/postgresql.conf")
    assert serving.healthcheck == ("pg_isready", "--quiet", "--host=127.0.0.1", "--username=health")
    assert {each.image for each in services} == {"postgres:17"}
    assert serving.needs == (Need(service="postgres-init", condition="ended"),)
    assert dict(init.environment)["FLOE_ROLES"] == "m=meta u=warehouse"
    assert "PATH" not in dict(serving.environment)
    paths = {each.path for each in serving.files}
    assert paths == {
        "/etc/floe/postgres/postgresql.conf", "/etc/floe/postgres/pg_hba.conf", "/etc/floe/postgres/pg_ident.conf",
        "/etc/floe/postgres/pg_hba_init.conf", "/usr/lib/floe/postgres-init", "/etc/passwd",
    }  # fmt: skip
    file = ComposeFile(name="postgres", project="p", services=services, secrets="../secrets")
    found = yaml.safe_load(render_compose(file))
    assert found["configs"]["postgres-passwd"] == {"file": "./postgres-passwd"}
    assert {"source": "postgres-passwd", "target": "/etc/passwd"} in found["services"]["postgres"]["configs"]
    assert {each.name for each in file.files} == set(found["configs"])
