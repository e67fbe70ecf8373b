"""A credential helper, ``docker-credential-NAME get``: a host on its stdin, JSON on its stdout.

Source: https://github.com/docker/docker-credential-helpers. What it says is shown to nobody: it may be the secret.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import threading
import time
from typing import IO, Literal

from floe_images.engine.redact import Secret
from floe_images.engine.registry.login import Login
from floe_images.errors import MirrorRefusedError

PATIENCE = 30.0  # seconds; long enough for a keychain that somebody has to unlock
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_NOTHING = "credentials not found"
_IDENTITY = "<token>"
_LIMIT = 1 << 20  # bytes; a credential is a few kB


def ask_helper(name: str, server: str, where: str, *, patience: float | None = None) -> Login | None:
    """None where the helper knows nothing of ``server``. ``where`` is the file that names the helper; ``patience`` in
    seconds. Raises MirrorRefusedError for a helper that is not there, fails, hangs or answers something else."""
    program = f"docker-credential-{name}"
    hint = f"`echo {server} | {program} get` shows what it says"
    path = shutil.which(program) if _NAME.fullmatch(name) else None
    if path is None:
        told = program if _NAME.fullmatch(name) else "of an impossible name"
        raise MirrorRefusedError(
            f"the credential helper {told} is not on the PATH", where=where, hint="install it, or `docker login` anew"
        )
    try:
        code, out = _run(path, server, PATIENCE if patience is None else patience)
    except subprocess.TimeoutExpired:
        raise MirrorRefusedError(f"the credential helper {program} does not answer", where=where, hint=hint) from None
    except OSError as error:
        raise MirrorRefusedError(
            f"the credential helper {program} cannot be run: {error.strerror}", where=where, hint=hint
        ) from None
    if code != 0:
        if _NOTHING in out:
            return None
        raise MirrorRefusedError(f"the credential helper {program} failed (exit code {code})", where=where, hint=hint)
    try:
        answer = json.loads(out)
        username, secret = answer["Username"], answer["Secret"]
    except (ValueError, KeyError, TypeError, RecursionError):
        username = secret = None
    if not isinstance(username, str) or not isinstance(secret, str):
        raise MirrorRefusedError(
            f"the credential helper {program} answers something else than a credential", where=where, hint=hint
        )
    kind: Literal["identity", "password"] = "identity" if username == _IDENTITY else "password"
    return Login(username=username, secret=Secret(secret), kind=kind) if secret else None


def _run(path: str, server: str, patience: float) -> tuple[int, str]:
    # A session of its own: a helper is often a script, and what that started has to end with it.
    process = subprocess.Popen(
        [path, "get"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        out = _talk(process, server, patience)
    except BaseException:
        if os.name == "posix":
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        raise
    finally:
        process.wait()
    return process.returncode, out


def _talk(process: subprocess.Popen[bytes], server: str, patience: float) -> str:
    """What it says to ``server``, bounded in bytes and in time."""
    assert process.stdin
    assert process.stdout
    heard: list[bytes] = []

    def listen(stream: IO[bytes]) -> None:
        with stream:
            heard.append(stream.read(_LIMIT))

    listener = threading.Thread(target=listen, args=(process.stdout,), daemon=True)
    end = time.monotonic() + patience
    listener.start()
    with contextlib.suppress(OSError), process.stdin as mouth:  # what it does not read goes nowhere
        mouth.write(server.encode())
    listener.join(patience)
    if listener.is_alive() or len(heard[0]) == _LIMIT:
        raise subprocess.TimeoutExpired(process.args, patience)
    process.wait(max(0.0, end - time.monotonic()))
    return heard[0].decode(errors="replace")
