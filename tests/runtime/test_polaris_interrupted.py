"""Answers that are lost, servers that fail, kills and two at once: applied again, Polaris holds what floe.yaml says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.polaris_changes import CREATED, WRITES, wait_until, works
from tests.support.polaris_double import STORES, Catalogs

FAULTS: tuple[dict[str, Any], ...] = (
    {"how": "drop", "after": True},
    {"how": "drop"},
    {"how": 500, "after": True},
    {"how": 503},
    {"how": 429, "retry_after": 0},
    {"how": 409},
)


@pytest.mark.parametrize(
    ("polaris", "fault"),
    [
        pytest.param(store, fault, id="-".join(map(str, (store, *fault.values()))))
        for store in STORES
        for fault in (FAULTS if store == "relational-jdbc" else FAULTS[:1])
    ],
    indirect=["polaris"],
    scope="module",  # else each would start a server of its own
)
@pytest.mark.parametrize("write", WRITES, ids=lambda write: f"{write[0]}{write[1].strip('$').replace('/', '-')}")
@pytest.mark.acceptance  # each fault at each write
def test_an_answer_that_is_lost_or_a_fault_anywhere(
    catalogs: Catalogs, write: tuple[str, str], fault: dict[str, Any]
) -> None:
    catalogs.polaris.throw({"method": write[0], "path": write[1], **fault})
    catalogs.apply()
    assert catalogs.plan() == []
    assert works(catalogs)


def test_faults_while_it_looks(catalogs: Catalogs) -> None:
    catalogs.polaris.throw(
        *({"method": "GET", "path": path, "how": how} for path in ("/catalogs", "/principals") for how in (429, 503)),
        {"method": "GET", "path": "/principal-roles", "how": "drop"},
        {"method": "POST", "path": "/tokens", "how": 503, "times": 2},
    )
    assert catalogs.apply() == CREATED
    assert works(catalogs)


def test_tokens_that_a_restart_has_voided(catalogs: Catalogs) -> None:
    catalogs.polaris.throw({"method": "GET", "path": "/principals/", "how": 401})
    assert catalogs.apply() == CREATED


def test_a_server_that_stays_broken(catalogs: Catalogs) -> None:
    catalogs.polaris.throw({"method": "GET", "path": "/catalogs", "how": 503, "times": 99})
    told = catalogs.run("apply")
    assert (told.code, told.out) == (62, "")
    address = f"{catalogs.polaris.uri}/api/management/v1"
    assert told.err.splitlines() == [
        f"error: Polaris at {address} answers the catalog lake with 503: Thrown: thrown in on wish",
        "hint: the server's log says more",
    ]


def test_a_write_that_stays_broken(catalogs: Catalogs) -> None:
    catalogs.polaris.throw({"method": "POST", "path": "/principals$", "how": 500, "times": 99})
    told = catalogs.run("apply")
    assert told.code == 62
    assert told.out.splitlines() == CREATED[:5]
    assert told.err.splitlines()[-2:] == [
        f"error: Polaris at {catalogs.polaris.uri}/api/management/v1 does not come to hold what floe.yaml says; left "
        "is: create the principal shop-lake and write its credential to the secret lake-pipeline",
        "hint: the last answer was: to create the principal shop-lake and write its credential to the secret "
        "lake-pipeline: 500 Thrown: thrown in on wish",
    ]


@pytest.mark.parametrize(
    ("write", "after"),
    [(WRITES[0], True), (WRITES[2], True), (WRITES[5], True), (WRITES[5], False), (WRITES[6], True)],
)
@pytest.mark.acceptance  # each time a hang, a kill, and a look
def test_killed_in_the_middle_and_applied_again(catalogs: Catalogs, write: tuple[str, str], after: bool) -> None:
    catalogs.polaris.throw({"method": write[0], "path": write[1], "how": "hang", "after": after})
    process = catalogs.start("apply")
    assert process.stdout is not None
    try:
        for expected in CREATED[: WRITES.index(write)]:
            assert process.stdout.readline() == f"{expected}\n"
        wait_until(lambda: any(line.endswith(" fault") for line in catalogs.polaris.seen()))
    finally:
        process.kill()
        process.communicate()
    assert not (catalogs.secrets / "lake-pipeline").exists() or write is WRITES[6]
    catalogs.apply()
    assert catalogs.plan() == []
    assert works(catalogs)


def test_at_the_same_time(catalogs: Catalogs) -> None:
    processes = [catalogs.start("apply") for _ in range(3)]
    found = [(*process.communicate(timeout=120), process.returncode) for process in processes]
    assert [code for _, _, code in found] == [0, 0, 0], found
    assert sorted(len(out.splitlines()) for out, _, _ in found) == [1, 1, 7]
    assert catalogs.plan() == []
    assert works(catalogs)


def test_from_two_machines_the_last_has_the_credential(catalogs: Catalogs, tmp_path: Path) -> None:
    both = (catalogs, Catalogs(tmp_path / "other", catalogs.polaris, catalogs.roles))
    processes = [each.start("apply") for each in both]
    errors = [process.communicate(timeout=120)[1] for process in processes]
    found = [(process.returncode, each.plan()) for process, each in zip(processes, both, strict=True)]
    assert [plan for code, plan in found if code == 0].count([]) == 1
    for (code, plan), error in zip(found, errors, strict=True):
        if plan:
            secret = "the secret lake-pipeline is not its credential"
            assert plan == [f"reset the credential of the principal shop-lake: {secret}"]
        if code:
            assert code == 62
            message = "somebody else has reset the credential of the principal shop-lake meanwhile"
            assert error.splitlines()[-2] == f"error: {message}"
