"""A part of a project that was never run: a test that looks at a neighbour which is not there does not come along."""

from __future__ import annotations

from pathlib import Path

import pytest

from floe_images.artifacts.events import NodeFinished, from_line
from tests.support import roles
from tests.support.roles import Home, Ui, free_port, make_home, serving

FILES = {
    "models/left.sql": "select range as n from range(3)\n",
    "models/neighbour.sql": "select range as n from range(3)\n",
    "models/neighbours.yml": "models: [{name: left, columns: [{name: n, data_tests: [not_null, "
    "{relationships: {arguments: {to: ref('neighbour'), field: n}}}]}]}]\n",
}
WITH = "relationships_left_n__n__ref_neighbour_"


@pytest.fixture
def home(runtime_python: Path, tmp_path: Path) -> Home:
    with pytest.MonkeyPatch.context() as patch:
        for name, text in FILES.items():
            patch.setitem(roles.FILES, name, text)
        return make_home(runtime_python, tmp_path)


def ran(home: Home, *arguments: str) -> tuple[int, dict[str, str]]:
    done = home.floe("run", *arguments, "--events")
    events = [from_line(line) for line in done.stdout.splitlines()]
    return done.returncode, {event.name: event.status for event in events if isinstance(event, NodeFinished)}


@pytest.mark.acceptance
def test_one_model_of_a_fresh_project(home: Home) -> None:
    assert ran(home, "--select", "left") == (0, {"left": "success", "not_null_left_n": "success"})
    code, nodes = ran(home, "--select", WITH)
    assert (code, nodes[WITH]) == (60, "error")  # whoever names it gets it
    code, nodes = ran(home, "--select", "left", "neighbour")
    assert (code, nodes[WITH]) == (0, "success")


@pytest.mark.acceptance
def test_one_asset_of_a_fresh_project_in_the_ui(home: Home) -> None:
    port = free_port()
    ui = Ui(port)
    with serving(home, "dev", "--port", str(port)) as dev:
        ui.wait(dev)
        run = ui.launch("left", checks=None)
        assert ui.wait_for(run, "SUCCESS", "FAILURE") == "SUCCESS"
        said = ui.ask(
            'query($r: ID!) {runOrError(runId: $r) {... on Run {tags {key} eventConnection {events {'
            "... on AssetCheckEvaluationEvent {evaluation {checkName success}}}}}}}",
            r=run,
        )["runOrError"]  # fmt: skip
    checks = [each["evaluation"] for each in said["eventConnection"]["events"] if "evaluation" in each]
    assert checks == [{"checkName": "not_null_left_n", "success": True}]
