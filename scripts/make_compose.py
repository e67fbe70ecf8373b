"""Write compose/: the files that floe renders for the flights example with all of floe's services beside it.

    python scripts/make_compose.py

Names of images are variables, since an image is named by what it is made of; all else is as `floe up` writes it.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from floe_images.lock.model import DebianSnapshot, Lock
from floe_images.lock.recipe import recipe, recipe_names
from floe_images.plan.model import Plan
from floe_images.plan.services import ServicePlan
from floe_images.render.compose.write import render_compose, render_order
from floe_images.site.composition import compose_files
from floe_images.spec.load import check_text

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "compose"
EXAMPLE = ROOT / "examples" / "flights" / "floe.yaml"

TARGETS = """\
  prod: {adapter: postgres, host: postgres, user: floe, password: {secret: warehouse}, database: flights}
  lake: {adapter: duckdb, path: /var/lib/floe/for_lake.duckdb, schema: flights, catalog: tables}
  iceberg: {adapter: duckdb, path: /var/lib/floe/for_polaris.duckdb, schema: flights, catalog: polaris}
"""
_STORAGE = """\
    storage:
      {{type: s3, {location}endpoint: "http://lake:8333", region: us-east-1, path_style: true,
       access_key_id: {{secret: s3_id}}, secret_access_key: {{secret: s3_key}}}}
"""
MORE = f"""\
services: {{postgres: {{}}, lake: {{}}, polaris: {{image: "docker.io/apache/polaris:1.7.0"}}}}
catalogs:
  tables:
    type: rest
    uri: http://lake:8181
    warehouse: lake
    credential: {{secret: lake}}
{_STORAGE.format(location="")}\
  polaris:
    type: polaris
    uri: http://polaris:8181/api/catalog
    warehouse: polaris
    credential: {{secret: pipeline}}
{_STORAGE.format(location='location: "s3://flights/tables", ')}\
    manage: {{credential: {{secret: root}}}}
orchestration:
  metadata: {{type: postgres, host: postgres, user: dagster, password: {{secret: dagster}}, database: dagster}}
"""


def make() -> dict[str, bytes]:
    """Name of a file → what is in it."""
    text = EXAMPLE.read_text(encoding="utf-8").replace("adapters: [duckdb]", "adapters: [duckdb, postgres]")
    loaded, findings = check_text((text.replace("default_target", f"{TARGETS}default_target", 1) + MORE).encode())
    if loaded is None:
        raise SystemExit("\n".join(map(str, findings)))
    planned = tuple(
        ServicePlan(service=name, recipe=recipe(name), image=_plan(name), init=_plan(f"{name}-init"))
        for name in recipe_names()
    )
    files = compose_files(loaded, _NO_LOCK, planned, {"polaris": _image("polaris")})
    made = {}
    for file in files:
        services = tuple(replace(each, image=_image("")) if file.name == "dagster" else each for each in file.services)
        made[f"{file.name}.yaml"] = render_compose(replace(file, services=services, secrets="./secrets"))
        order = render_order(file)
        if order:
            made[f"order/{file.name}.yaml"] = order
    return made


_NO_LOCK = Lock(
    inputs="", platforms=(), python="3.11", tools=(), debian=(), wheels=(), data=(),
    snapshot=DebianSnapshot(suite="bookworm", time=0, dates=()),
)  # fmt: skip


def _image(service: str) -> str:
    words = [word for word in ("floe", service) if word]
    variable = "_".join((*words, "image")).upper().replace("-", "_")
    return f"${{{variable}:?`floe build --json` names it}}"


def _plan(service: str) -> Plan:
    return Plan(reference=_image(service), epoch=0, max_size=0, bytecode=False, annotations=(), images=())


def main() -> int:
    (FOLDER / "order").mkdir(parents=True, exist_ok=True)
    for name, data in make().items():
        (FOLDER / name).write_bytes(data)
    return 0


if __name__ == "__main__":
    sys.exit(main())
