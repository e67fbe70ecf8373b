"""Everything that bake.hcl needs, out of a project's lock: the base image, requirements, wheels, uv, data.

    python scripts/prepare_docker.py examples/flights --output .floe/docker
    docker load --input .floe/docker/base.tar
    docker buildx bake --file bake.hcl

The base image is the two lowest layers of what `floe build` makes. Files come from floe's cache, or from the mirrors.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from uv import find_uv_bin

from floe_images import __version__
from floe_images.engine.assemble.build import assemble
from floe_images.engine.assemble.interpreter import host_platform
from floe_images.engine.assemble.runtime_wheel import runtime_wheel
from floe_images.engine.fetch.fetch import fetch
from floe_images.engine.fetch.member import open_member
from floe_images.engine.fetch.needed import requests_for
from floe_images.engine.fetch.reach import find_reach
from floe_images.engine.fetch.sources import make_sources
from floe_images.engine.store import Store, default_store
from floe_images.errors import FloeError
from floe_images.image.archive import write_archive
from floe_images.image.build import BuiltImage, build_image
from floe_images.image.platform import Platform
from floe_images.image.reference import Reference
from floe_images.lock.model import Lock
from floe_images.lock.reader import read_lock
from floe_images.plan.config import image_config
from floe_images.plan.make import BuildOptions, make_plan
from floe_images.plan.places import ARTIFACTS, DAGSTER_HOME, DATA
from floe_images.progress import Silent
from floe_images.render.files import rendered_files
from floe_images.spec.load import load_spec
from floe_images.spec.model import Spec

BASE = "floe-base:bookworm"
BASE_LAYERS = ("system", "python")


def prepare(project: Path, output: Path, store: Store, *, platform: Platform, base: str = BASE) -> None:
    """Write ``output`` anew; ``project`` is a folder with floe.yaml and floe.lock, ``base`` the base image's name.

    Raises the toolkit's errors, and CalledProcessError where uv for another platform cannot be had.
    """
    spec = load_spec(project / "floe.yaml").spec
    lock = read_lock((project / "floe.lock").read_bytes(), "floe.lock")
    host = host_platform()
    sources = make_sources(find_reach(spec.image.mirrors, project), lock.snapshot.time)
    requests = requests_for(lock, [platform], interpreter=host)
    files = fetch(requests, sources=sources, store=store, progress=Silent())

    shutil.rmtree(output, ignore_errors=True)
    for name in ("lock", "wheels", "data", "uv"):
        (output / name).mkdir(parents=True)
    _wheels(lock, platform, files, output)
    _data(lock, files, output / "data")
    _rendered(spec, lock, output / "lock")
    (output / "lock" / "epoch").write_text(f"{lock.snapshot.time}\n")  # as `floe build` without SOURCE_DATE_EPOCH
    environment = json.dumps(dict(image_config(()).env), indent=1)  # what dbt's env_var sees while manifests are made
    (output / "lock" / "environment.json").write_text(f"{environment}\n")
    _uv(output / "uv", platform, foreign=platform != host)
    built = _base(spec, lock, platform, project, files, store)
    write_archive(
        output / "base.tar",
        built,
        reference=Reference.parse(base),
        blob_path=lambda digest: store.path("blobs", digest.hex),
    )


def _wheels(lock: Lock, platform: Platform, files: Mapping[str, Path], output: Path) -> None:
    """The platform's wheels, and a requirements file that names each by its hash."""
    lines = []
    for wheel in lock.wheels:
        file = wheel.file_for(platform)
        if file:
            _place(files[file.sha256], output / "wheels" / file.name)
            lines.append(f"{wheel.name}=={wheel.version} --hash=sha256:{file.sha256}\n")
    (output / "lock" / "requirements.txt").write_text("".join(lines))
    # Not of the lock but of floe itself, so a step of its own installs it.
    (output / "runtime").mkdir()
    name, data = runtime_wheel(__version__)
    (output / "runtime" / name).write_bytes(data)


def _data(lock: Lock, files: Mapping[str, Path], folder: Path) -> None:
    for data in lock.data:
        place = folder / data.place.lstrip("/").removeprefix(f"{DATA}/")
        place.parent.mkdir(parents=True, exist_ok=True)
        with open_member(files[data.file.sha256], data.member) as source, open(place, "wb") as target:
            shutil.copyfileobj(source, target)


def _rendered(spec: Spec, lock: Lock, folder: Path) -> None:
    names = {ARTIFACTS: "artifacts.json", f"{DAGSTER_HOME}/dagster.yaml": "dagster.yaml"}
    for file in rendered_files(spec, lock):
        (folder / names[file.path]).write_bytes(file.data)


def _uv(folder: Path, platform: Platform, *, foreign: bool) -> None:
    """uv of ``platform``: this environment's own, or the same version's wheel from the index."""
    program = Path(find_uv_bin())
    if foreign:
        command: list[str | Path] = [program, "pip", "install", "--quiet", "--no-deps", "--target", folder / "wheel"]
        target = f"{platform.machine}-unknown-linux-gnu"
        subprocess.run([*command, "--python-platform", target, f"uv=={version('uv')}"], check=True)
        program = folder / "wheel" / "bin" / "uv"
    _place(program, folder / "uv")
    (folder / "uv").chmod(0o755)


def _base(
    spec: Spec, lock: Lock, platform: Platform, project: Path, files: Mapping[str, Path], store: Store
) -> BuiltImage:
    plan = make_plan(spec, lock, options=BuildOptions(platforms=(platform,)), rendered=())
    image = plan.images[0]
    layers = tuple(layer for layer in image.layers if layer.name in BASE_LAYERS)
    # Nothing of the project: a base knows no entry point yet.
    bare = dataclasses.replace(image.config, user="", entrypoint=(), cmd=(), volumes=(), healthcheck=(), labels=())
    small = dataclasses.replace(plan, annotations=(), images=(dataclasses.replace(image, layers=layers, config=bare),))
    (assembled,) = assemble(
        small,
        files=files,
        project=project,
        store=store,
        progress=Silent(),
        interpreter=lock.debs(host_platform()),
    )
    return build_image(platform, assembled.layers, assembled.config, epoch=plan.epoch)


def _place(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("project", type=Path, help="folder with floe.yaml and floe.lock")
    parser.add_argument("--output", type=Path, default=Path(".floe/docker"))
    parser.add_argument("--platform", default=str(host_platform()), help="linux/amd64 or linux/arm64")
    parser.add_argument("--base", default=BASE, help="name of the base image")
    options = parser.parse_args()
    try:
        platform = Platform.parse(options.platform)
        prepare(options.project, options.output, default_store(), platform=platform, base=options.base)
    except FloeError as error:
        print(f"error: {error}", file=sys.stderr)
        if error.hint:
            print(f"hint: {error.hint}", file=sys.stderr)
        return error.exit_code
    print(options.output / "base.tar")
    return 0


if __name__ == "__main__":
    sys.exit(main())
