"""The example of docs/how-to/dagster-project.md, run as it stands there on another project's model."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.flights import ROOT
from tests.support.runtime import run_inside
from tests.support.shop import Shop

_SHOW = """
graph = defs.resolve_asset_graph()
import json, dagster
report = graph.get(dagster.AssetKey("report"))
print(json.dumps({
    "after": [key.to_user_string() for key in report.parent_keys],
    "made": sorted(key.to_user_string() for key in graph.executable_asset_keys),
    "statuses": sorted({each.default_status.value for each in defs.get_repository_def().schedule_defs}),
}))
"""


def test_the_example_of_the_how_to_loads_with_an_asset_of_ones_own(shop: Shop) -> None:
    page = (ROOT / "docs/how-to/dagster-project.md").read_text()
    code = page.split("```python\n")[1].split("```")[0].replace("daily_delays", "customers")
    project = shop.root / "mine"
    (project / ".floe").mkdir(parents=True)
    (project / ".floe/home").symlink_to(shop.root / "home")
    file = Path(project / "definitions.py")
    file.write_text(f"import os\nos.chdir({str(project)!r})\n{code}{_SHOW}")
    env = {name: value for name, value in shop.env.items() if name != "FLOE_HOME"}
    said = json.loads(run_inside(shop.python, [str(file)], env=env, timeout=300).stdout.splitlines()[-1])
    assert said["after"] == ["customers"]
    assert {"report", "customers", "orders", "daily"} < set(said["made"])
    assert said["statuses"] == ["STOPPED"]
