"""`make demo`: the flights example from floe.yaml to the rows of its marts, in a hardened container.

It uses the engine that answers; else a private one, where that can be made (Debian 12 as root); else it runs the
pipeline in this machine's own Python, and says what that does not show (`--no-engine` asks for that). What it made in
an engine, it removes.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import in_process

from floe_images.cli.console import TextConsole
from floe_images.engine.docker.connect import Engine, connect
from floe_images.engine.docker.load import load_archive
from floe_images.engine.docker.run import RunRequest, run
from floe_images.engine.docker.tidy import make_volume, remove_image, remove_volume
from floe_images.errors import EngineError, FloeError

ROOT = Path(__file__).parents[2]
WORK = ROOT / "build" / "demo"
PRIVATE_ENGINE = ROOT / "scripts" / "engine" / "engine.py"
SHOW_MARTS = (Path(__file__).parent / "show_marts.py").read_text()


def main() -> int:
    console = TextConsole()
    try:
        start_project()
        floe("lock")
        built = json.loads(floe("build", "--output", "archives", "--json"))
        show_sizes(built)
        with contextlib.nullcontext(None) if "--no-engine" in sys.argv[1:] else any_engine() as engine:
            if engine:
                run_in_engine(engine, built, console)
            else:
                in_process.run_pipeline(WORK, floe, SHOW_MARTS, say)
    except FloeError as error:
        console.error(str(error), error.hint)
        return error.exit_code
    except subprocess.CalledProcessError as error:
        return error.returncode
    return 0


def say(text: str) -> None:
    print(f"\n== {text}", flush=True)


def start_project() -> None:
    say(f"floe init --example flights (in {WORK.relative_to(ROOT)})")
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.parent.mkdir(parents=True, exist_ok=True)
    floe("init", "--example", "flights", "--folder", str(WORK), folder=ROOT, quiet=True)


def floe(*arguments: str, folder: Path = WORK, quiet: bool = False) -> str:
    """Run the command ``floe``; its stdout, which is also shown unless it is for us."""
    if not quiet:
        say(" ".join(("floe", *arguments)))
    command = [sys.executable, "-m", "floe_images", *arguments]
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True, check=True)
    if "--json" not in arguments:
        print(done.stdout, end="", flush=True)
    return done.stdout


def show_sizes(built: dict[str, Any]) -> None:
    print(f"reference  {built['reference']}\ndigest     {built['digest']}")
    for image in built["images"]:
        print(
            f"{image['platform']:<12} {image['unpacked'] / 1e6:7.1f} MB unpacked  "
            f"{image['size'] / 1e6:7.1f} MB stored  {image['layers']} layers"
        )


def archive_for(built: dict[str, Any], platform: str) -> Path:
    for path in built["archives"]:
        if path.endswith(f"{platform.replace('/', '-')}.tar"):
            return WORK / path
    raise EngineError(f"the demo's image is not built for {platform}")


@contextmanager
def any_engine() -> Iterator[Engine | None]:
    """The engine that answers, else a private one for as long as the block runs, else None."""
    try:
        with connect() as engine:
            say(f"using the engine that answers: {engine.version}, {engine.store} image store")
            yield engine
            return
    except EngineError as error:
        if error.message != "no container engine answers":
            raise
    command = [sys.executable, str(PRIVATE_ENGINE)]
    if subprocess.run([*command, "why-not"], capture_output=True).returncode != 0:
        yield None
        return
    say("no engine answers: starting a private one from Debian's packages")
    holder = str(os.getpid())
    up = subprocess.run([*command, "up", "containerd", "--json", "--for", holder], stdout=subprocess.PIPE, text=True)
    if up.returncode != 0:
        yield None
        return
    try:
        with connect(json.loads(up.stdout)["DOCKER_HOST"]) as engine:
            yield engine
    finally:
        subprocess.run([*command, "release", "--for", holder])


def run_in_engine(engine: Engine, built: dict[str, Any], console: TextConsole) -> None:
    reference = built["reference"]
    archive = archive_for(built, f"linux/{engine.architecture}")
    volume = f"floe-demo-{secrets.token_hex(4)}"
    already = has_image(engine, reference)
    say(f"docker load < {archive.name}")
    loaded = load_archive(engine, archive, console)
    print(f"loaded {loaded.reference} {loaded.platform} {loaded.id}")
    try:
        make_volume(engine, volume)
        state = ((volume, "/var/lib/floe"),)
        say("dbt build: read-only, user 12345:0, no capabilities, no new privileges, no network, 512 processes, 2 GiB")
        outcome = run(engine, RunRequest(image=loaded.id, command=("dbt", "build"), volumes=state), show)
        if outcome.exit_code != 0:
            raise EngineError(f"dbt build ended with {outcome.exit_code}")
        say("the marts")
        python = ("/usr/bin/python3.11", "-c", SHOW_MARTS, "/var/lib/floe/flights.duckdb")
        outcome = run(engine, RunRequest(image=loaded.id, entrypoint=python, volumes=state), show)
        if outcome.exit_code != 0:
            raise EngineError(f"reading the marts ended with {outcome.exit_code}")
    finally:
        remove_volume(engine, volume)
        if not already:
            remove_image(engine, reference)


def has_image(engine: Engine, reference: str) -> bool:
    return any(reference in (image.tags or ()) for image in engine.client.images.list())


def show(stdout: bytes | None, stderr: bytes | None) -> None:
    sys.stdout.buffer.write(stdout or b"")
    sys.stdout.buffer.flush()
    sys.stderr.buffer.write(stderr or b"")
    sys.stderr.buffer.flush()


if __name__ == "__main__":
    sys.exit(main())
