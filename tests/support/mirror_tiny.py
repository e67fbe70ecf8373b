"""A tiny project and the index it resolves from: hand-made wheels of a few kB under the names that floe asks for.

Debian's part stays real (recorded by ``mirror_upstream``): its signatures cannot be forged, which is the point of them.
"""

from __future__ import annotations

import hashlib
import os
import random
import struct
import sys
import zipfile
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
_MACHINES = {"x86_64": 62, "aarch64": 183}  # e_machine
_HEAVY = "pyiceberg"  # the one that takes time to fetch and to compress
_NATIVE = "duckdb"  # the one with a wheel for each platform
# What floe asks dbt for while it builds, and no more: each model of a project becomes a node of its manifest.
_DBT = """
import hashlib, pathlib, types
class dbtRunner:
    def __init__(self, callbacks=()):
        pass
    def invoke(self, arguments):
        project = pathlib.Path(arguments[arguments.index("--project-dir") + 1])
        models = sorted(project.rglob("*.sql"))
        if any("broken" in each.read_text() for each in models):
            return types.SimpleNamespace(exception=ValueError(f"broken\\n  in {project}/models"), result=None)
        if any("forever" in each.read_text() for each in models):
            sum(range(1 << 62))  # one operation of C code: no thread and no handler of a signal gets its turn
        nodes = {f"model.tiny.{each.stem}": hashlib.sha256(each.read_bytes()).hexdigest() for each in models}
        document = {"metadata": {"generated_at": "now", "made_in": str(project)}, "nodes": nodes}
        manifest = types.SimpleNamespace(to_dict=lambda omit_none: document)
        result = types.SimpleNamespace(env_vars={}, writable_manifest=lambda: manifest)
        return types.SimpleNamespace(exception=None, result=result)
"""
# What floe puts other clocks and another environment into.
_SEAMS = {
    "dbt/cli/requires.py": "def get_env(): return {}\n",
    "dbt/context/__init__.py": "",
    "dbt/context/base.py": "tracking = None\ndef get_datetime_module_context(): return {}\n"
    "def get_invocation_id(): return ''\n",
    "dbt/env_vars.py": "KNOWN_ENGINE_ENV_VARS = set()\n",
    "jinja2/__init__.py": "",
    "jinja2/filters.py": "FILTERS = {'random': None}\n",
    "jinja2/runtime.py": "class Context:\n    def resolve_or_missing(self, key): return None\n",
}
_DBT_FILES = {
    "dbt-core": {"dbt/__init__.py": "", "dbt/cli/__init__.py": "", "dbt/cli/main.py": _DBT, **_SEAMS},
    "dbt-duckdb": {"dbt/adapters/__init__.py": "", "dbt/adapters/duckdb/__init__.py": ""},
}


def tiny_index(folder: Path, *more: str) -> Path:
    """A wheel for every requirement of the tiny project, and for ``more``; nothing depends on anything."""
    from floe_images.lock.requirements import python_requirements
    from floe_images.spec.load import load_spec

    folder.mkdir(parents=True, exist_ok=True)
    project = tiny_project(folder.parent / f"{folder.name}-project")
    for line in (*python_requirements(load_spec(project / "floe.yaml").spec), *more):
        wanted = Requirement(line)
        versions = [clause.version for clause in wanted.specifier if clause.operator in ("==", ">=")]
        name = canonicalize_name(wanted.name)
        version = versions[0] if versions else "1.0"
        for machine in _MACHINES if name == _NATIVE else (None,):
            write_wheel(folder, name, version, machine=machine, bulk=6 << 20 if name == _HEAVY else 0)
    return folder


def write_wheel(folder: Path, name: str, version: str, *, machine: str | None = None, bulk: int = 0) -> Path:
    """An honest wheel: a module, metadata, RECORD; with ``machine`` an ELF file, with ``bulk`` that many bytes."""
    module = name.replace("-", "_")
    tag = f"cp311-cp311-manylinux_2_28_{machine}" if machine else "py3-none-any"
    info = f"{module}-{version}.dist-info"
    source = "".join(f"def function_{n}(value: int) -> int:\n    return value * {n} + 1\n\n\n" for n in range(60))
    files = {f"{module}/__init__.py": source.encode(), f"{module}/py.typed": b""}
    files |= {path: text.encode() for path, text in _DBT_FILES.get(name, {}).items()}
    if machine:
        head = struct.pack(
            "<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 3, _MACHINES[machine], 1, 0, 0, 0, 0, 64, 0, 0, 0, 0, 0
        )
        files[f"{module}/_native.so"] = head
    if bulk:
        files[f"{module}/bulk.bin"] = random.Random(name).randbytes(bulk)
        files |= {f"{module}/part_{n}.py": source.replace("value", f"value_{n}").encode() for n in range(40)}
    files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode()
    purelib = str(machine is None).lower()
    files[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: {purelib}\nTag: {tag}\n".encode()
    return write_zip(folder / f"{module}-{version}-{tag}.whl", files, record=f"{info}/RECORD")


def write_zip(path: Path, files: dict[str, bytes], *, record: str) -> Path:
    """A wheel of ``files`` with the RECORD that belongs to them, the same bytes every time."""
    lines = [f"{name},sha256={_urlsafe(body)},{len(body)}" for name, body in files.items()]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        for name, body in {**files, record: ("\n".join([*lines, f"{record},,"]) + "\n").encode()}.items():
            entry = zipfile.ZipInfo(name)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            wheel.writestr(entry, body)
    return path


def tiny_project(folder: Path, mirrors: str = "") -> Path:
    """floe.yaml and a dbt project of one model. ``mirrors`` is YAML for ``image.mirrors`` (a flow mapping)."""
    (folder / "transform/models").mkdir(parents=True, exist_ok=True)
    (folder / "transform/dbt_project.yml").write_text("name: tiny\nversion: '1.0'\nprofile: tiny\n")
    (folder / "transform/models/one.sql").write_text("select 1 as one\n")
    (folder / "floe.yaml").write_text(
        'version: "1.0"\nname: tiny\n'
        f"image: {{repository: registry.example.internal/tests/tiny{f', mirrors: {mirrors}' if mirrors else ''}}}\n"
        "adapters: [duckdb]\ntargets: {dev: {adapter: duckdb, path: /var/lib/floe/tiny.duckdb}}\ndefault_target: dev\n"
        "transforms: [{type: dbt, path: transform}]\n"
    )
    return folder


def floe(*arguments: str | Path, python: str = sys.executable) -> list[str]:
    """The command line of floe as this checkout has it."""
    return [python, "-m", "floe_images", *map(str, arguments)]


def clean_environment(home: Path, **more: str) -> dict[str, str]:
    """What a new user's shell has: no settings of this machine's for indexes, certificates or caches."""
    home.mkdir(parents=True, exist_ok=True)
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    places = {"HOME": str(home), "FLOE_CACHE_DIR": str(home / "cache"), "UV_CACHE_DIR": str(home / "uv")}
    return {**kept, **places, "PYTHONPATH": str(ROOT), "PIP_CONFIG_FILE": os.devnull, "UV_NO_CONFIG": "1", **more}


def _urlsafe(body: bytes) -> str:
    import base64

    return base64.urlsafe_b64encode(hashlib.sha256(body).digest()).decode().rstrip("=")
