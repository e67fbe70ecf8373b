"""A private Docker engine for tests and the demo: own socket, data, network, mounts and processes.

    engine.py up [classic|containerd|spare] [--for PID]   start it (or find it running) and print its environment
    engine.py release --for PID                      end every engine that nobody holds any more
    engine.py down [--purge]                         end all of them, whoever holds them
    engine.py status | env VARIANT | why-not

`classic` keeps images in Docker's own store, `containerd` in containerd's; `spare` is a second one like `classic`, for
whoever has to stop or kill an engine. An engine runs in network, mount and process namespaces of its own, so that
ending its first process ends all of it, kill -9 included. The only things that are global to the machine are the veth
pair, a cgroup, and binfmt_misc's entry for arm64; `down` undoes them.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import binfmt
from packages import SetupError, ensure_packages, environment, why_not_here

VARIANTS = ("classic", "containerd", "spare")
HOME = Path(os.environ.get("FLOE_ENGINE_HOME") or Path.home() / ".cache" / "floe-engine")
RUN = Path("/run/floe-engine")  # short, since a socket's path may have 107 characters
START_SECONDS = 60


def say(text: str) -> None:
    print(f"engine: {text}", file=sys.stderr, flush=True)


def up(variant: str, holder: str) -> dict[str, str]:
    """Start ``variant`` unless it answers, and note that ``holder`` (a process id or ``manual``) needs it.

    The result is what a client sets, see `env`. SetupError says what is missing.
    """
    reason = why_not_here()
    if reason:
        raise SetupError(reason)
    with _locked():
        root = ensure_packages(HOME)
        binfmt.register(root, RUN, say)
        if not _answers(variant):
            _clear(variant)
            try:
                _start(variant, root)
            except SetupError as error:
                log = (RUN / variant / "log").read_text(errors="replace").strip().splitlines()
                _clear(variant, keep_log=True)
                raise SetupError(f"{variant} did not come up: {error} ({log[-1] if log else 'no log'})") from error
        leases = RUN / variant / "leases"
        leases.mkdir(exist_ok=True)
        (leases / holder).touch()
    return env(variant)


def env(variant: str) -> dict[str, str]:
    """What a client sets to reach ``variant``: DOCKER_HOST, DOCKER_CONFIG (plug-ins), PATH (the matching client)."""
    root = ensure_packages(HOME)
    return {
        "DOCKER_HOST": f"unix://{RUN / variant / 'docker.sock'}",
        "DOCKER_CONFIG": str(HOME / "docker-config"),
        "PATH": f"{root / 'usr/bin'}:{os.environ.get('PATH', os.defpath)}",
        "FLOE_ENGINE_ADDRESS": _addresses(variant)[0],
    }


def release(holder: str) -> None:
    """``holder`` needs no engine any more; engines held by no living process are ended."""
    with _locked():
        for variant in VARIANTS:
            leases = RUN / variant / "leases"
            if not leases.is_dir():
                continue
            (leases / holder).unlink(missing_ok=True)
            held = [lease.name for lease in leases.iterdir() if _alive(lease.name)]
            if not held:
                _clear(variant)
        _undo_globals()


def down(*, purge: bool) -> None:
    with _locked():
        for variant in VARIANTS:
            _clear(variant)
        _undo_globals()
    if purge:
        shutil.rmtree(HOME, ignore_errors=True)


def status() -> dict[str, str]:
    return {variant: "up" if _answers(variant) else "down" for variant in VARIANTS}


def _undo_globals() -> None:
    if not any((RUN / variant).exists() for variant in VARIANTS):
        binfmt.unregister(RUN, say)


@contextlib.contextmanager
def _locked() -> Iterator[None]:
    RUN.mkdir(parents=True, exist_ok=True)
    HOME.mkdir(parents=True, exist_ok=True)
    with open(HOME / "lock", "w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _alive(holder: str) -> bool:
    return not holder.isdigit() or Path(f"/proc/{holder}").exists()


def _addresses(variant: str) -> tuple[str, str]:
    """The machine's end and the engine's end of the veth pair."""
    third = VARIANTS.index(variant) + 1
    return f"10.213.{third}.1", f"10.213.{third}.2"


def _client(variant: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = _packages() / "usr/bin/docker"
    command = [str(program), "--host", f"unix://{RUN / variant / 'docker.sock'}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=20)


def _packages() -> Path:
    return ensure_packages(HOME)


def _answers(variant: str) -> bool:
    if not (RUN / variant / "docker.sock").exists() or _first_process(variant) is None:
        return False
    with contextlib.suppress(subprocess.TimeoutExpired):
        return _client(variant, "version", "--format", "{{.Server.Version}}").returncode == 0
    return False


def _first_process(variant: str) -> int | None:
    """The process that holds the namespaces, if it is still the one that was started."""
    try:
        pid, started = (RUN / variant / "pid").read_text().split()
        return int(pid) if _start_time(int(pid)) == started else None
    except (OSError, ValueError):
        return None


def _start_time(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]


def _start(variant: str, root: Path) -> None:
    run = RUN / variant
    run.mkdir(parents=True)
    data = HOME / "data" / variant
    data.mkdir(parents=True, exist_ok=True)
    _link_plugins(root)
    settings = {
        "features": {"containerd-snapshotter": variant == "containerd"},
        "bip": f"10.214.{VARIANTS.index(variant) + 1}.1/24",
        "cgroup-parent": f"/floe-engine-{variant}",
        "data-root": str(data),
        "exec-root": str(run / "exec"),
        "pidfile": str(run / "dockerd.pid"),
        "hosts": [f"unix://{run / 'docker.sock'}"],
        "group": "root",
        "log-level": "warn",
    }
    (run / "daemon.json").write_text(json.dumps(settings, indent=2))
    Path("/run/containerd").mkdir(exist_ok=True)
    # A file system of our own at /run/containerd: dockerd would use a containerd that it finds there.
    script = (
        "set -e; mount -t tmpfs tmpfs /run/containerd; i=0; "
        'while [ ! -e "$1/go" ]; do i=$((i+1)); [ $i -lt 400 ] || exit 1; sleep 0.05; done; '
        'exec tini -s -g -- dockerd --config-file "$1/daemon.json"'
    )
    with open(run / "log", "wb") as log:
        command = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        process = subprocess.Popen(
            [*command, "sh", "-c", script, "engine", str(run)],
            env={**environment(root), "HOME": str(run), "LC_ALL": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd="/",
        )
    (run / "pid").write_text(f"{process.pid} {_start_time(process.pid)}")
    _connect(variant, _child(process.pid))
    (run / "go").touch()
    deadline = time.monotonic() + START_SECONDS
    while not _answers(variant):
        if process.poll() is not None or time.monotonic() > deadline:
            raise SetupError("dockerd does not answer")
        time.sleep(0.1)


def _child(pid: int) -> int:
    for _ in range(600):  # a busy machine takes its time
        with contextlib.suppress(OSError):
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            if children:
                return int(children[0])
        with contextlib.suppress(ChildProcessError):
            if os.waitpid(pid, os.WNOHANG)[0]:
                break
        time.sleep(0.05)
    raise SetupError("unshare ended at once")


def _connect(variant: str, inside: int) -> None:
    """A veth pair between the machine and the engine; the engine reaches the machine and nothing else."""
    tools = environment(_packages())
    ip = shutil.which("ip", path=tools["PATH"]) or "ip"
    ours, theirs = _addresses(variant)
    name = _veth(variant)
    subprocess.run([ip, "link", "delete", name], capture_output=True, env=tools)
    steps = (
        [ip, "link", "add", name, "type", "veth", "peer", "name", "up0", "netns", str(inside)],
        [ip, "address", "add", f"{ours}/30", "dev", name],
        [ip, "link", "set", name, "up"],
        ["nsenter", f"--net=/proc/{inside}/ns/net", ip, "link", "set", "lo", "up"],
        ["nsenter", f"--net=/proc/{inside}/ns/net", ip, "address", "add", f"{theirs}/30", "dev", "up0"],
        ["nsenter", f"--net=/proc/{inside}/ns/net", ip, "link", "set", "up0", "up"],
    )
    for step in steps:
        done = subprocess.run(step, capture_output=True, text=True, env=tools)
        if done.returncode != 0:
            raise SetupError(f"{' '.join(step[-6:])}: {done.stderr.strip()}")


def _veth(variant: str) -> str:
    return f"floe-{variant[:8]}"


def _link_plugins(root: Path) -> None:
    folder = HOME / "docker-config" / "cli-plugins"
    folder.mkdir(parents=True, exist_ok=True)
    for plugin in (root / "usr/libexec/docker/cli-plugins").iterdir():
        link = folder / plugin.name
        link.unlink(missing_ok=True)
        link.symlink_to(plugin)


def _clear(variant: str, *, keep_log: bool = False) -> None:
    """End the engine, however it was left, and take away what it put on the machine; its data stay."""
    run = RUN / variant
    pid = _first_process(variant)
    if pid is not None:
        # TERM to dockerd lets it write its data; the end of the first process ends everything in the namespace.
        with contextlib.suppress(OSError, SetupError):
            os.kill(_child(pid), signal.SIGTERM)
        _wait_gone(pid, 15)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        _wait_gone(pid, 5)
    if run.exists():
        if keep_log and (run / "log").exists():
            shutil.copy(run / "log", HOME / f"log-{variant}")
        tools = environment(_packages())
        ip = shutil.which("ip", path=tools["PATH"]) or "ip"
        subprocess.run([ip, "link", "delete", _veth(variant)], capture_output=True, env=tools)
        _remove_cgroups(f"floe-engine-{variant}")
        shutil.rmtree(run, ignore_errors=True)


def _wait_gone(pid: int, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and Path(f"/proc/{pid}").exists():
        with contextlib.suppress(ChildProcessError, OSError):
            os.waitpid(pid, os.WNOHANG)
        time.sleep(0.05)


def _remove_cgroups(name: str) -> None:
    top = Path("/sys/fs/cgroup")
    for root in [top / name, *top.glob(f"*/{name}")]:
        for folder, _, _ in os.walk(root, topdown=False):
            with contextlib.suppress(OSError):
                Path(folder).rmdir()


def main() -> int:
    parser = argparse.ArgumentParser(description="A private Docker engine for tests and the demo.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    for name in ("up", "env"):
        verb = verbs.add_parser(name)
        verb.add_argument("variant", choices=VARIANTS, nargs="?", default="classic")
        verb.add_argument("--json", action="store_true")
        if name == "up":
            verb.add_argument("--for", dest="holder", default="manual")
    verbs.add_parser("release").add_argument("--for", dest="holder", default="manual")
    verbs.add_parser("down").add_argument("--purge", action="store_true")
    verbs.add_parser("status")
    verbs.add_parser("why-not")
    asked = parser.parse_args()
    try:
        if asked.verb in ("up", "env"):
            values = up(asked.variant, asked.holder) if asked.verb == "up" else env(asked.variant)
            print(json.dumps(values) if asked.json else "\n".join(f"export {k}={v!r}" for k, v in values.items()))
        elif asked.verb == "release":
            release(asked.holder)
        elif asked.verb == "down":
            down(purge=asked.purge)
        elif asked.verb == "why-not":
            reason = why_not_here()
            print(reason or "a private engine can be put up here")
            return 1 if reason else 0
        else:
            print("\n".join(f"{variant} {word}" for variant, word in status().items()))
    except SetupError as error:
        say(str(error))
        return 40
    return 0


if __name__ == "__main__":
    sys.exit(main())
