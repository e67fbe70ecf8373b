"""Polaris' double as a process of this machine, and a session of ``floe-runtime catalog`` against it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from floe_images.artifacts.codec import encode
from floe_images.artifacts.model import CatalogArtifact, CompiledArtifacts, Reference, Settings
from floe_images.artifacts.model import ObservabilityArtifact as Observability
from floe_images.artifacts.model import OrchestrationArtifact as Orchestration
from tests.support.flights import ROOT
from tests.support.pinned import pinned_environment

STORES = ("in-memory", "relational-jdbc")
ROOT_SECRET = "double-root-secret-0123456789"
_INSIDE = ROOT / "tests" / "runtime" / "inside" / "run_roles.py"


@dataclass
class Polaris:
    """A server, real or double. ``uri`` is its address without ``/api``; ``root`` is ID:SECRET."""

    uri: str
    root: str = field(repr=False)
    realm: str | None = None
    store: str | None = None

    def token(self, credential: str) -> str:
        answer = self.log_in(credential)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    def log_in(self, credential: str, **form: str) -> requests.Response:
        client_id, _, secret = credential.partition(":")
        data = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
        return requests.post(
            f"{self.uri}/api/catalog/v1/oauth/tokens",
            data={**data, "scope": "PRINCIPAL_ROLE:ALL", **form},
            headers=self._realm(),
            timeout=30,
        )

    def ask(self, method: str, path: str, body: Any = None, *, who: str | None = None) -> requests.Response:
        """``path`` begins with M (management) or C (catalog); ``who`` None is root."""
        api = {"M": "/api/management/v1", "C": "/api/catalog/v1"}[path[0]]
        headers = {"Authorization": f"Bearer {self.token(who or self.root)}", **self._realm()}
        return requests.request(method, f"{self.uri}{api}{path[1:]}", json=body, headers=headers, timeout=30)

    def root_does(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.ask(method, path, body)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def throw(self, *faults: Mapping[str, Any]) -> None:
        """Faults on wish, instead of those before; see tests/support/polaris/faults.py."""
        requests.post(f"{self.uri}/double/faults", json=faults, timeout=30).raise_for_status()

    def reset(self) -> None:
        """A double forgets everything but root."""
        requests.post(f"{self.uri}/double/reset", timeout=30).raise_for_status()

    def seen(self) -> list[str]:
        found: list[str] = requests.get(f"{self.uri}/double/requests", timeout=30).json()
        return found

    def _realm(self) -> dict[str, str]:
        return {"Polaris-Realm": self.realm} if self.realm else {}


@contextmanager
def double(*options: str, store: str = "in-memory", realm: str = "POLARIS") -> Iterator[Polaris]:
    """A double of one's own, with ``options`` of ``python -m tests.support.polaris``."""
    process = subprocess.Popen(
        [
            str(pinned_environment("polaris") / "python"),
            "-m",
            "tests.support.polaris",
            "--controls",
            "--store",
            store,
            *options,
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "POLARIS_BOOTSTRAP_CREDENTIALS": f"{realm},root,{ROOT_SECRET}"},
    )
    assert process.stdout is not None
    try:
        port = json.loads(process.stdout.readline())["port"]
        yield Polaris(uri=f"http://127.0.0.1:{port}", root=f"root:{ROOT_SECRET}", store=store)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@dataclass
class Told:
    """What a role wrote and ended with."""

    code: int
    out: str
    err: str

    @property
    def changes(self) -> list[str]:
        return [each["says"] for each in json.loads(self.out)["changes"]]


class Roles:
    """A process that runs roles one after another: importing the client costs more than a second."""

    def __init__(self, python: Path | None = None) -> None:
        self.python = python or pinned_environment("polaris") / "python"
        self._process = subprocess.Popen(
            [str(self.python), str(_INSIDE)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"},
        )

    def run(self, arguments: Sequence[str], environ: Mapping[str, str]) -> Told:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"arguments": arguments, "environ": environ}) + "\n")
        self._process.stdin.flush()
        return Told(**json.loads(self._process.stdout.readline()))

    def __enter__(self) -> Roles:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()


class Catalogs:
    """A folder with artifacts and secrets, and the role ``catalog`` in it."""

    def __init__(self, folder: Path, polaris: Polaris, roles: Roles) -> None:
        self.polaris = polaris
        self.roles = roles
        self.secrets = folder / "secrets"
        self.secrets.mkdir(parents=True)
        self.secrets.chmod(0o700)
        self.folder = folder
        (self.secrets / "root").write_text(f"{polaris.root}\n")
        self.describe()

    def describe(self, *catalogs: CatalogArtifact, **settings: Any) -> None:
        """Write artifacts: these catalogs, or one, lake, with ``settings`` beside or instead of the usual ones."""
        found = catalogs or (self.catalog("lake", **settings),)
        (self.folder / "artifacts.json").write_bytes(encode(artifacts(*found)))

    def catalog(self, name: str, *, manage: Mapping[str, Any] | None = None, **settings: Any) -> CatalogArtifact:
        usual: dict[str, Any] = {
            "authentication": "oauth2",
            "credential": Reference(kind="secret", name=f"{name}-pipeline"),
            "scope": "PRINCIPAL_ROLE:ALL",
            "storage": {"type": "s3", "location": f"s3://{name}/tables", "endpoint": "http://127.0.0.1:1"},
            "uri": f"{self.polaris.uri}/api/catalog",
            "warehouse": name,
        }
        if self.polaris.realm:
            usual["realm"] = self.polaris.realm
        own = {"credential": Reference(kind="secret", name="root"), **(manage or {})}
        return CatalogArtifact(
            name=name, type="polaris", settings=as_settings({**usual, **settings, "manage": _without_none(own)})
        )

    @property
    def environ(self) -> dict[str, str]:
        return {
            "FLOE_ARTIFACTS": str(self.folder / "artifacts.json"),
            "FLOE_SECRETS_DIR": str(self.secrets),
            "FLOE_STATE_DIR": str(self.folder / "state"),
        }

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """A process of its own."""
        return subprocess.Popen(
            [str(self.roles.python), "-m", "floe_images.runtime.main", "catalog", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1", **self.environ},
        )

    def run(self, *arguments: str) -> Told:
        return self.roles.run(["catalog", *arguments], self.environ)

    def plan(self, *names: str) -> list[str]:
        told = self.run("plan", "--json", *names)
        assert told.code == 0, told.err
        return told.changes

    def apply(self, *names: str) -> list[str]:
        told = self.run("apply", "--json", *names)
        assert told.code == 0, told.err
        return told.changes


def artifacts(*catalogs: CatalogArtifact) -> CompiledArtifacts:
    return CompiledArtifacts(
        name="shop",
        adapters=("duckdb",),
        targets=(),
        default_target="dev",
        catalogs=catalogs,
        transforms=(),
        data=(),
        duckdb=None,
        orchestration=Orchestration(metadata=Settings((("type", "sqlite"),)), schedules=(), sensors=()),
        observability=Observability(traces=None, lineage=None),
        versions=Settings(),
    )


def as_settings(value: Any) -> Any:
    if isinstance(value, Mapping):
        return Settings(tuple((key, as_settings(item)) for key, item in sorted(value.items()) if item is not None))
    return (
        tuple(as_settings(item) for item in value)
        if isinstance(value, Sequence) and not isinstance(value, str)
        else value
    )


def _without_none(value: Mapping[str, Any]) -> dict[str, Any]:
    return {key: item for key, item in value.items() if item is not None}
