"""How a running server is asked whether it works: a note of each in the scratch folder, which the health check follows.

The health check runs every few seconds in every container, so it imports neither Dagster nor protobuf.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

_FOLDER = "floe-health"
_WAIT = 5.0  # seconds for an answer


@dataclass(frozen=True, kw_only=True)
class Note:
    """A server and how to ask it.

    ``http``: ``address`` is host:port, answers GET /server_info. ``grpc``: ``address`` is a gRPC target, answers
    grpc.health.v1. ``beat``: ``address`` is a file that is rewritten at least every ``within`` seconds.
    ``starting``: it cannot be asked yet.
    """

    role: str
    pid: int
    kind: Literal["http", "grpc", "beat", "starting"]
    address: str
    within: int = 0


def leave_note(scratch: Path, note: Note) -> Path:
    """Write the note, whole or not at all. Raise OSError."""
    folder = scratch / _FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    file = folder / f"{note.role}.json"
    fresh = file.with_suffix(f".{os.getpid()}")
    fresh.write_text(json.dumps(asdict(note)), encoding="utf-8")
    fresh.replace(file)
    return file


def begin_notes(scratch: Path, role: str) -> None:
    """What an earlier start of the same container left does not count; from now on ``role`` is starting.

    Raise OSError.
    """
    shutil.rmtree(scratch / _FOLDER, ignore_errors=True)
    leave_note(scratch, Note(role=role, pid=os.getpid(), kind="starting", address=""))


def read_notes(scratch: Path) -> tuple[Note, ...]:
    """The servers that run here, by role; none where the container is no server."""
    notes = []
    for file in sorted((scratch / _FOLDER).glob("*.json")):
        try:
            notes.append(Note(**json.loads(file.read_text(encoding="utf-8"))))
        except (OSError, ValueError, TypeError):
            continue
    return tuple(notes)


def ask(notes: tuple[Note, ...]) -> Iterator[str]:
    """One line for each server that does not work."""
    for note in notes:
        if not _alive(note.pid):
            yield f"the {note.role} has ended"
            continue
        if note.kind == "starting":
            yield f"the {note.role} is starting"
            continue
        try:
            why = {"http": _http, "grpc": grpc_health, "beat": _beat}[note.kind](note)
        except OSError as fault:
            why = fault.strerror or type(fault).__name__
        if why:
            yield f"the {note.role} does not answer: {why}"


def reachable(host: str, port: int) -> str:
    """The address at which a server that listens on ``host`` is reached from this machine."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _http(note: Note) -> str | None:
    host, _, port = note.address.rpartition(":")
    with socket.create_connection((host.strip("[]"), int(port)), timeout=_WAIT) as connection:
        connection.sendall(f"GET /server_info HTTP/1.1\r\nHost: {note.address}\r\nConnection: close\r\n\r\n".encode())
        status = connection.makefile("rb").readline().decode("latin-1").strip()
    return None if status.split(" ")[1:2] == ["200"] else status or "it hung up"


def grpc_health(note: Note, *, wait: float = _WAIT) -> str | None:
    """None when the code server at ``note.address`` serves, else why not.

    https://github.com/grpc/grpc/blob/master/doc/health-checking.md; its two messages, of one field each, are by hand.
    """
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # its own words on stderr say less than ours
    import grpc

    service = b"DagsterApi"
    with grpc.insecure_channel(note.address, options=[("grpc.enable_http_proxy", 0)]) as channel:
        ask = channel.unary_unary("/grpc.health.v1.Health/Check")
        try:
            answer = ask(b"\x0a" + bytes([len(service)]) + service, timeout=wait)
        except grpc.RpcError as fault:
            return str(fault.code().name).lower().replace("_", " ")
    return None if answer == b"\x08\x01" else "not serving"


def _beat(note: Note) -> str | None:
    file = Path(note.address)
    silent = time.time() - file.stat().st_mtime
    if silent > note.within:
        return f"no heartbeat for {silent:.0f} s"
    return file.read_text(encoding="utf-8").strip() or None
