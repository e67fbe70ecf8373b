"""A home of the runtime with any targets of floe.yaml's, and what `dbt` did on them with the network told by names."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from floe_images.artifacts.codec import encode
from floe_images.artifacts.model import (
    CompiledArtifacts,
    HomePath,
    ObservabilityArtifact,
    OrchestrationArtifact,
    Settings,
    TargetArtifact,
    TransformArtifact,
)
from floe_images.render.artifacts import _settings
from floe_images.spec.load import load_spec
from tests.support.flights import ROOT
from tests.support.runtime import run_inside

INSIDE = ROOT / "tests" / "runtime" / "inside"
_HEAD = """\
version: "1.0"
name: warehouses
image: {{platforms: [linux/amd64], repository: registry.example.internal/tests/warehouses}}
adapters: [{adapters}]
default_target: {default}
transforms: [{{type: dbt, path: transform}}]
targets:
"""
BUILD = ("build",)
CONNECT = ("debug", "--connection")
PROJECT = "name: warehouses\nversion: '1.0'\nprofile: warehouses\n"
# A table, and a test that fails unless the warehouse answers with what is in it.
MODELS = {
    "one.sql": "{{ config(materialized='table') }} select 1 as id",
    "one.yml": "models: [{name: one, columns: [{name: id, data_tests: [unique, not_null]}]}]\n",
}


@dataclass(frozen=True, kw_only=True)
class Warehouses:
    """``contacts`` is what `run_targets` saw: names that were looked up and addresses that were connected to."""

    folder: Path
    targets: tuple[TargetArtifact, ...]

    @property
    def environ(self) -> dict[str, str]:
        return {
            "FLOE_HOME": str(self.folder),
            "FLOE_STATE_DIR": str(self.folder / "state"),
            "FLOE_SECRETS_DIR": str(self.folder / "secrets"),
            "TMPDIR": str(self.folder / "scratch"),
            "HOME": str(self.folder / "scratch"),
        }


def lay_out(
    folder: Path,
    targets: str,
    secrets: Mapping[str, str],
    *,
    models: Mapping[str, str] = MODELS,
    project: str = PROJECT,
) -> Warehouses:
    """``targets`` are floe.yaml's, indented lines of ``name: {adapter: …}``; they pass floe's own reader."""
    (folder / "transform").mkdir(parents=True)
    (folder / "transform" / "dbt_project.yml").write_text(project)
    names = [line.split(":")[0].strip() for line in targets.splitlines() if line.startswith("  ") and line[2] != " "]
    adapters = sorted({word.split(",")[0].strip("} \n") for word in targets.split("adapter:")[1:]})
    (folder / "floe.yaml").write_text(_HEAD.format(adapters=", ".join(adapters), default=names[0]) + targets)
    spec = load_spec(folder / "floe.yaml").spec
    made = tuple(
        TargetArtifact(name=name, adapter=target.adapter, settings=_settings(target, leave_out=("adapter",)))
        for name, target in sorted(spec.targets.items())
    )
    artifacts = CompiledArtifacts(
        name="warehouses",
        adapters=tuple(adapters),
        targets=made,
        default_target=names[0],
        transforms=(TransformArtifact(type="dbt", path=HomePath("project/transform")),),
        data=(),
        duckdb=None,
        orchestration=OrchestrationArtifact(metadata=Settings((("type", "sqlite"),)), schedules=(), sensors=()),
        observability=ObservabilityArtifact(traces=None, lineage=None),
        versions=Settings(),
    )
    files = {
        "artifacts.json": encode(artifacts).decode(),
        "project/transform/dbt_project.yml": project,
        **{f"project/transform/models/{name}": text for name, text in models.items()},
        **{f"secrets/{name}": text for name, text in secrets.items()},
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    for name in ("state", "scratch", "secrets"):
        (folder / name).mkdir(exist_ok=True)
    return Warehouses(folder=folder, targets=made)


@dataclass(frozen=True, kw_only=True)
class Done:
    """``said`` is everything that was printed; ``contacts`` (kind, name or address) in the order they were made."""

    codes: dict[str, int]
    said: str
    contacts: tuple[tuple[str, str], ...]

    def names(self) -> set[str]:
        return {what for kind, what in self.contacts if kind == "name"}

    def addresses(self) -> set[str]:
        """Of sockets that were connected, without the port."""
        return {what.rsplit(":", 1)[0] for kind, what in self.contacts if kind == "address"}


def run_targets(
    python: Path,
    warehouses: Warehouses,
    *,
    commands: Mapping[str, Sequence[str]],
    ports: Mapping[str, int],
    environ: Mapping[str, str] | None = None,
    own: Mapping[str, Mapping[str, str]] | None = None,
    timeout: float = 180,
) -> Done:
    """Run ``floe-runtime dbt`` with ``commands`` (by target) and variables of its ``own``, in one process.

    ``ports``: the port of this machine that a host name leads to. Other names do not exist.
    """
    record = warehouses.folder / f"contacts-{'-'.join(commands)}"
    env = {
        **warehouses.environ,
        # Whatever this machine has; what the image has is SSL_CERT_FILE.
        **dict.fromkeys(("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE", "HTTPS_PROXY", "https_proxy"), ""),
        "PYTHONPATH": f"{INSIDE / 'net'}:{ROOT}",
        "FLOE_TEST_PORTS": json.dumps(dict(ports)),
        "FLOE_TEST_CONTACTS": str(record),
        **(environ or {}),
    }
    order = {
        name: {"command": list(command), "environ": dict((own or {}).get(name, {}))}
        for name, command in commands.items()
    }
    done = run_inside(
        python, [str(INSIDE / "run_targets.py"), json.dumps(order)], env=env, check=False, timeout=timeout
    )
    said = done.stdout + done.stderr
    codes = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"target"')]
    contacts = record.read_text().splitlines() if record.exists() else []
    return Done(
        codes={each["target"]: each["code"] for each in codes},
        said=said,
        contacts=tuple((line.split(" ", 1)[0], line.split(" ", 1)[1]) for line in contacts),
    )
