"""What tools that know nothing of floe say about an OCI layout: a check returns what it found or raises RefusedError.

The tools come from ``scripts/outside/install.py``. A layout is a folder with one (possibly nested) index.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import importlib.util
import json
import re
import shutil
import socket
import subprocess
import tarfile
import tempfile
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Any

from tests.support.locked import file_lock

ROOT = Path(__file__).parents[2]
PLATFORMS = ("amd64", "arm64")


class RefusedError(Exception):
    """An outside tool does not accept the layout; the text is the tool's."""


@cache
def tools() -> Path:
    """The folder of the tools, installed if need be."""
    module = _installer()
    found: Path = module.install(module.default_folder())
    return found


@cache
def faketime() -> Path:
    """Debian's libfaketime, a library to be loaded before others: programs then see the time of FAKETIME."""
    module = _installer()
    folder: Path = module.default_folder().parent / "faketime"
    with file_lock(folder / "lock"):
        if not (folder / "ready").exists():
            module.unpack(folder, ("libfaketime",))
            (folder / "ready").touch()
    (library,) = (folder / "root").rglob("libfaketime.so.1")
    return library


@cache
def _installer() -> Any:
    """scripts/outside/install.py as a module."""
    spec = importlib.util.spec_from_file_location("floe_outside_install", ROOT / "scripts/outside/install.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def tool(name: str) -> str:
    return str(tools() / "bin" / name)


def run(*command: str | Path, timeout: float = 600) -> str:
    """stdout of a command that must succeed."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=timeout)
    if done.returncode:
        raise RefusedError(f"{Path(command[0]).name}: {(done.stderr or done.stdout).strip()[-2000:]}")
    return done.stdout


def check_skopeo(layout: Path, target: Path) -> str:
    """Copy every platform to another layout; the digest of what arrived, as skopeo tells it."""
    run(tool("skopeo"), "--insecure-policy", "copy", "--all", _oci(layout), f"oci:{target}:copied")
    raw = run(tool("skopeo"), "inspect", "--raw", f"oci:{target}:copied")
    with tempfile.NamedTemporaryFile("w", newline="") as manifest:
        manifest.write(raw)
        manifest.flush()
        return run(tool("skopeo"), "manifest-digest", manifest.name).strip()


def check_umoci(layout: Path, architecture: str, target: Path) -> Path:
    """Copy one platform with skopeo and unpack it with umoci without root's powers; the root file system's folder."""
    single = target / "single"
    target.mkdir(parents=True, exist_ok=True)
    override = ["--override-os", "linux", "--override-arch", architecture]
    run(tool("skopeo"), "--insecure-policy", *override, "copy", _oci(layout), f"oci:{single}:one")
    run(tool("umoci"), "unpack", "--rootless", "--image", f"{single}:one", target / "bundle")
    return target / "bundle" / "rootfs"


def check_crane(layout: Path) -> tuple[str, ...]:
    """Push to a registry on loopback and let crane pull and validate it, each platform; the digests it validated."""
    with registry() as host:
        name = f"{host}/floe/checked:latest"
        run(
            tool("skopeo"),
            "--insecure-policy",
            "copy",
            "--all",
            "--dest-tls-verify=false",
            _oci(layout),
            f"docker://{name}",
        )
        run(tool("crane"), "validate", "--insecure", "--remote", name)
        index = json.loads(run(tool("crane"), "manifest", "--insecure", name))
        digests = [entry["digest"] for entry in index["manifests"]]
        for digest in digests:
            run(tool("crane"), "validate", "--insecure", "--remote", f"{name.removesuffix(':latest')}@{digest}")
        return (run(tool("crane"), "digest", "--insecure", name).strip(), *digests)


def check_schemas(layout: Path) -> int:
    """Validate oci-layout, index.json and every index, manifest and config by the image-spec's schemas; how many."""
    _validate("image-layout-schema.json", (layout / "oci-layout").read_bytes())
    _validate("image-index-schema.json", (layout / "index.json").read_bytes())
    count = 2
    waiting = list(json.loads((layout / "index.json").read_bytes())["manifests"])
    while waiting:
        entry = waiting.pop()
        body = _blob(layout, entry["digest"]).read_bytes()
        schema = _SCHEMAS[entry["mediaType"]]
        _validate(schema, body)
        count += 1
        content = json.loads(body)
        waiting += content.get("manifests", ())
        waiting += [content["config"]] if entry["mediaType"].endswith("manifest.v1+json") else []
    return count


class _Hashed:
    """A stream that is hashed while it is read."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.digest = hashlib.sha256()

    def read(self, size: int) -> bytes:
        chunk = self._stream.read(size)
        self.digest.update(chunk)
        return chunk


def check_paths(layout: Path) -> int:
    """No path twice in a layer, none absolute or with ``..``, and each diffID is the layer's; how many entries."""
    count = 0
    for entry in _manifests(layout):
        manifest = json.loads(_blob(layout, entry["digest"]).read_bytes())
        config = json.loads(_blob(layout, manifest["config"]["digest"]).read_bytes())
        for layer, diff_id in zip(manifest["layers"], config["rootfs"]["diff_ids"], strict=True):
            seen: set[str] = set()
            try:
                with gzip.open(_blob(layout, layer["digest"])) as plain:
                    hashed = _Hashed(plain)
                    with tarfile.open(fileobj=hashed, mode="r|") as tar:
                        for member in tar:
                            name = member.name.rstrip("/")
                            if name in seen or name.startswith("/") or ".." in name.split("/"):
                                raise RefusedError(f"layer {layer['digest']}: {name} twice, absolute or leading out")
                            seen.add(name)
                    while hashed.read(1 << 20):
                        pass
            except (EOFError, zlib.error, gzip.BadGzipFile, tarfile.TarError) as error:
                raise RefusedError(f"layer {layer['digest']}: {error}") from error
            if hashed.digest.hexdigest() != diff_id.removeprefix("sha256:"):
                raise RefusedError(f"layer {layer['digest']}: its content has another hash than the config's {diff_id}")
            count += len(seen)
    return count


@dataclass(frozen=True)
class Found:
    """What a scanner sees: (name, version), names of Python packages normalized."""

    python: frozenset[tuple[str, str]]
    debian: frozenset[tuple[str, str]]


def check_syft(layout: Path, architecture: str) -> Found:
    """The Python and Debian packages that syft finds in one platform's image."""
    with tempfile.TemporaryDirectory() as scratch:
        single = Path(scratch) / "single"
        override = ["--override-os", "linux", "--override-arch", architecture]
        run(tool("skopeo"), "--insecure-policy", *override, "copy", _oci(layout), f"oci:{single}:one")
        said = run(tool("syft"), "scan", "-q", "-o", "syft-json", f"oci-dir:{single}")
    found: dict[str, set[tuple[str, str]]] = {"python": set(), "deb": set()}
    for artifact in json.loads(said)["artifacts"]:
        name = artifact["name"]
        if artifact["type"] == "python":
            name = re.sub(r"[-_.]+", "-", name).lower()
        found.setdefault(artifact["type"], set()).add((name, artifact["version"]))
    return Found(python=frozenset(found["python"]), debian=frozenset(found["deb"]))


@contextlib.contextmanager
def registry() -> Iterator[str]:
    """An empty docker-registry on loopback; ``host:port``."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as scratch:
        config = Path(scratch) / "config.yml"
        config.write_text(
            "version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\n"
            f"storage: {{filesystem: {{rootdirectory: {scratch}/data}}}}\nhttp: {{addr: '127.0.0.1:{port}'}}\n"
        )
        with open(Path(scratch) / "log", "wb") as log:
            server = subprocess.Popen([tool("docker-registry"), "serve", config], stdout=log, stderr=log)
        try:
            for _ in range(100):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                time.sleep(0.1)
            yield f"127.0.0.1:{port}"
        finally:
            server.kill()
            server.wait()


_SCHEMAS = {
    "application/vnd.oci.image.index.v1+json": "image-index-schema.json",
    "application/vnd.oci.image.manifest.v1+json": "image-manifest-schema.json",
    "application/vnd.oci.image.config.v1+json": "config-schema.json",
}


def _oci(layout: Path) -> str:
    return f"oci:{layout}"


def _manifests(layout: Path) -> list[dict[str, Any]]:
    (entry,) = json.loads((layout / "index.json").read_bytes())["manifests"]
    found: list[dict[str, Any]] = json.loads(_blob(layout, entry["digest"]).read_bytes())["manifests"]
    return found


def _blob(layout: Path, digest: str) -> Path:
    return layout / "blobs" / Path(*digest.split(":"))


def _validate(schema: str, body: bytes) -> None:
    import jsonschema
    from referencing import Registry, Resource
    from referencing.jsonschema import DRAFT4

    folder = tools() / "schema"

    def retrieve(uri: str) -> Resource[Any]:
        """The schemas' ids and references name a web site; the file of the same name is meant."""
        content = json.loads((folder / uri.rsplit("/", 1)[-1]).read_bytes())
        return Resource.from_contents(content, default_specification=DRAFT4)

    main = json.loads((folder / schema).read_bytes())
    validator = jsonschema.Draft4Validator(main, registry=Registry(retrieve=retrieve))  # type: ignore[call-arg]
    errors = sorted(validator.iter_errors(json.loads(body)), key=str)
    if errors:
        raise RefusedError(f"{schema}: {errors[0].message}")


def copy_layout(layout: Path, target: Path) -> Path:
    """A copy to break: files of its own, writable."""
    shutil.copytree(layout, target)
    for path in target.rglob("*"):
        if path.is_file():
            path.chmod(0o644)
    return target
