"""A tiny two-platform OCI layout, written by hand: what the outside checkers are proven on before they judge floe's."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

_TYPE = "application/vnd.oci.image"
OS_RELEASE = b'ID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n'


def sample_files(architecture: str) -> list[tuple[str, bytes]]:
    """One Python and one Debian package, as scanners look for them."""
    status = f"Package: libfoo1\nStatus: install ok installed\nVersion: 1.2-3\nArchitecture: {architecture}\n"
    info = "usr/local/lib/python3.11/dist-packages/tiny_thing-1.2.dist-info"
    return [
        ("etc/os-release", OS_RELEASE),
        ("var/lib/dpkg/status.d/libfoo1", f"{status}Maintainer: Nobody <n@example.org>\nDescription: foo\n".encode()),
        (f"{info}/METADATA", b"Metadata-Version: 2.1\nName: tiny-thing\nVersion: 1.2\n"),
        (f"{info}/RECORD", b"tiny_thing.py,,\n"),
        (f"{info}/WHEEL", b"Wheel-Version: 1.0\n"),
    ]


def write_sample(folder: Path, *, twice: bool = False, leave_out: str = "") -> Path:
    """``twice``: one path two times in a layer. ``leave_out``: a part of the paths that are missing."""
    manifests = []
    for architecture in ("amd64", "arm64"):
        files = [file for file in sample_files(architecture) if not leave_out or leave_out not in file[0]]
        body = _tar([*files, files[0]] if twice else files)
        layer = _blob(folder, f"{_TYPE}.layer.v1.tar+gzip", gzip.compress(body, mtime=0))
        config = {
            "architecture": architecture,
            "os": "linux",
            "config": {"User": "10001:0", "Cmd": ["/bin/true"]},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(body).hexdigest()}"]},
        }
        manifest = {"config": _json(folder, f"{_TYPE}.config.v1+json", config), "layers": [layer]}
        entry = _json(folder, f"{_TYPE}.manifest.v1+json", {"schemaVersion": 2, **manifest})
        manifests.append({**entry, "platform": {"os": "linux", "architecture": architecture}})
    inner = _json(folder, f"{_TYPE}.index.v1+json", {"schemaVersion": 2, "manifests": manifests})
    inner["annotations"] = {"org.opencontainers.image.ref.name": "registry.example.internal/data/sample:latest"}
    (folder / "index.json").write_bytes(json.dumps({"schemaVersion": 2, "manifests": [inner]}).encode())
    (folder / "oci-layout").write_bytes(b'{"imageLayoutVersion":"1.0.0"}')
    return folder


def _json(folder: Path, kind: str, content: dict[str, Any]) -> dict[str, Any]:
    if not kind.endswith("config.v1+json"):
        content = {**content, "mediaType": kind}
    return _blob(folder, kind, json.dumps(content, sort_keys=True).encode())


def _blob(folder: Path, kind: str, body: bytes) -> dict[str, Any]:
    digest = hashlib.sha256(body).hexdigest()
    path = folder / "blobs/sha256" / digest
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    return {"mediaType": kind, "digest": f"sha256:{digest}", "size": len(body)}


def _tar(files: list[tuple[str, bytes]]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for folder in sorted({str(parent) for name, _ in files for parent in list(Path(name).parents)[:-1]}):
            member = tarfile.TarInfo(folder)  # syft 1.18 finds no dpkg status where a layer leaves its folders out
            member.type, member.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(member)
        for name, body in files:
            member = tarfile.TarInfo(name)
            member.size = len(body)
            tar.addfile(member, io.BytesIO(body))
    return stream.getvalue()
