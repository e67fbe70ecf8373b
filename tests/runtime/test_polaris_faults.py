"""What goes wrong with ``floe-runtime catalog``: one line and a hint each, the tree's exit code, nothing half-made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from floe_images.artifacts.codec import encode
from floe_images.artifacts.model import CatalogArtifact, Reference, Settings
from tests.support.polaris_double import ROOT_SECRET, Catalogs, Polaris, artifacts, double


@pytest.fixture(scope="module")
def polaris() -> Iterator[Polaris]:
    with double() as found:
        yield found


def _root(text: str) -> Callable[[Catalogs], Any]:
    return lambda it: (it.secrets / "root").write_text(text)


def _described(**settings: Any) -> Callable[[Catalogs], Any]:
    return lambda it: it.describe(**settings)


def _other_storage(it: Catalogs) -> None:
    storage = {"storageType": "GCS", "allowedLocations": ["gs://elsewhere/x"]}
    catalog = {"type": "INTERNAL", "name": "gone", "properties": {"default-base-location": "gs://elsewhere/x"}}
    it.polaris.ask("POST", "M/catalogs", {**catalog, "storageConfigInfo": storage})
    it.describe(warehouse="gone")


FAULTS: tuple[tuple[str, Callable[[Catalogs], Any], int, str, str], ...] = (
    (
        "a wrong secret",
        _root("root:wrong-secret-of-root\n"),
        62,
        "Polaris at {uri}/api/catalog refuses the credential of catalogs.lake.manage",
        "look at its secret: a client id and a client secret, ID:SECRET",
    ),
    (
        "an unknown client",
        _root(f"nobody:{ROOT_SECRET}\n"),
        62,
        "Polaris at {uri}/api/catalog refuses the credential of catalogs.lake.manage",
        "look at its secret: a client id and a client secret, ID:SECRET",
    ),
    (
        "no secret",
        lambda it: (it.secrets / "root").unlink(),
        5,
        "catalogs.lake.manage.credential needs the secret root, which is not there",
        "put it into the file {secrets}/root",
    ),
    (
        "a secret of another form",
        _root(f"{ROOT_SECRET}\n"),
        5,
        "the secret of catalogs.lake.manage.credential is not ID:SECRET",
        "a client id, a colon, a client secret",
    ),
    (
        "nobody there",
        _described(uri="http://127.0.0.1:1/api/catalog"),
        62,
        "Polaris at http://127.0.0.1:1/api/management/v1 cannot be reached: Connection refused",
        "catalogs.lake.uri names it; is it running?",
    ),
    (
        "another path",
        lambda it: it.describe(uri=f"{it.polaris.uri}/elsewhere/api/catalog"),
        62,
        "no Polaris answers at {uri}/elsewhere/api/catalog",
        "catalogs.lake.uri ends in /api/catalog; realm is the server's own word",
    ),
    (
        "an address without the path",
        lambda it: it.describe(uri=it.polaris.uri),
        5,
        "catalogs.lake.uri does not end in /api/catalog, so its management API is not known",
        "name it: catalogs.lake.manage.uri",
    ),
    (
        "another storage than there is",
        _other_storage,
        5,
        "the catalog gone lies on GCS and floe.yaml says S3, which no Polaris changes",
        "give warehouse another name, or delete the catalog",
    ),
    (
        "what the server refuses",
        _described(storage={"type": "local", "path": "/var/lib/floe/tables"}),
        5,
        "Polaris at {uri}/api/management/v1 refuses to create the catalog lake at file:///var/lib/floe/tables, FILE: "
        "IllegalArgumentException: Unsupported storage type: FILE",
        "see catalogs.lake in floe.yaml",
    ),
)


@pytest.mark.parametrize("fault", FAULTS, ids=[each[0].replace(" ", "-") for each in FAULTS])
def test_one_line_and_a_hint(catalogs: Catalogs, fault: tuple[str, Callable[[Catalogs], Any], int, str, str]) -> None:
    _, spoil, code, message, hint = fault
    spoil(catalogs)
    told = catalogs.run("apply")
    words = {"uri": catalogs.polaris.uri, "secrets": catalogs.secrets}
    assert told.err.splitlines() == [f"error: {message.format(**words)}", f"hint: {hint.format(**words)}"]
    assert (told.code, told.out) == (code, "")
    assert not (catalogs.secrets / "lake-pipeline").exists()


def test_somebody_who_may_not(catalogs: Catalogs) -> None:
    made = catalogs.polaris.root_does("POST", "M/principals", {"principal": {"name": "clerk"}})["credentials"]
    (catalogs.secrets / "root").write_text(f"{made['clientId']}:{made['clientSecret']}\n")
    told = catalogs.run("apply")
    assert told.code == 62
    assert told.err.splitlines() == [
        f"error: Polaris at {catalogs.polaris.uri}/api/management/v1 does not allow the catalog lake: "
        "ForbiddenException: Principal 'clerk' with activated PrincipalRoles '[]' and activated grants via '[]' is "
        "not authorized for op GET_CATALOG",
        "hint: catalogs.lake.manage.credential must be of somebody who may: root has service_admin",
    ]
    assert made["clientSecret"] not in told.err


def test_a_privilege_that_there_is_not(catalogs: Catalogs) -> None:
    roles = {"catalog_roles": {"pipeline": {"privileges": ["CATALOG_FLY"]}}}
    catalogs.describe(warehouse="flying", storage={"type": "s3", "location": "s3://flying"}, manage=roles)
    told = catalogs.run("apply")
    assert told.code == 5
    assert told.err.splitlines()[0] == "error: Polaris has no privilege CATALOG_FLY"


def test_a_secret_that_cannot_be_written_stops_it_before_anything_is_made(catalogs: Catalogs) -> None:
    (catalogs.secrets / "lake-pipeline").mkdir()
    before = len(catalogs.polaris.seen())
    told = catalogs.run("apply")
    assert told.code == 51
    assert told.err.splitlines() == [
        f"error: {catalogs.secrets / 'lake-pipeline'}: Is a directory",
        "hint: a new credential is written there: make the folder, and let this user write into it",
    ]
    assert not any(line.startswith(("PUT", "DELETE", "POST /api/m")) for line in catalogs.polaris.seen()[before:])


def test_a_server_that_is_somebody_elses_is_not_asked(catalogs: Catalogs) -> None:
    uri = Settings((("uri", f"{catalogs.polaris.uri}/api/catalog"), ("warehouse", "lake")))
    (catalogs.folder / "artifacts.json").write_bytes(
        encode(artifacts(CatalogArtifact(name="lake", type="polaris", settings=uri)))
    )
    before = len(catalogs.polaris.seen())
    told = catalogs.run("apply")
    assert (told.code, told.out) == (2, "")
    assert told.err.splitlines()[0] == "error: no catalog of floe.yaml is managed by floe"
    assert len(catalogs.polaris.seen()) == before


def test_contradictions(catalogs: Catalogs) -> None:
    for name in ("a", "b"):
        (catalogs.secrets / f"{name}-root").write_text(f"root:{ROOT_SECRET}\n")
    catalogs.describe(
        *(
            catalogs.catalog(name, manage={"credential": Reference(kind="secret", name=f"{name}-root")})
            for name in ("a", "b")
        )
    )
    told = catalogs.run("plan")
    assert told.code == 5
    assert told.err == "error: catalogs.a.manage and catalogs.b.manage name one server and two credentials\n"
