"""Run by the image's interpreter, as text: dbt reads the project once for each target, and the manifests come out.

argv[1] is the order, JSON: ``manifests`` (target, transform and name of each), ``epoch`` in seconds, ``places``
(what a path here begins with, and what it begins with in the image), ``container`` (the environment that the image's
containers have), ``limit`` (seconds; None: whoever runs this sees to its end, and stdin is no pipe of the parent's).
stdout: one JSON document, ``manifests`` (name → text) or ``error`` (message, where, hint). All else goes to stderr.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import multiprocessing
import os
import signal
import sys
import threading
from typing import Any

_CLONE_NEWNET, _CLONE_NEWUSER = 0x40000000, 0x10000000  # sched.h
_PR_SET_PDEATHSIG = 1  # prctl.h


def main() -> None:
    order = json.loads(sys.argv[1])
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    _without_network()
    if order["limit"]:
        _end_by_the_kernel(order["limit"])
        threading.Thread(target=_end_with_parent, daemon=True).start()
    # dbt asks for locks of processes that it would spawn; it spawns none, and forked ones need no program to be found.
    multiprocessing.get_context = lambda _method=None: _context("fork")  # type: ignore[assignment]
    json.dump(_answer(order), answer, ensure_ascii=False)
    answer.close()
    sys.stderr.flush()
    os._exit(0)  # threads that dbt left do not hold it up


def _answer(order: dict[str, Any]) -> dict[str, Any]:
    # By name: these are the image's, not the toolkit's.
    failure = importlib.import_module("floe_images.errors").FloeError
    make_manifest = importlib.import_module("floe_images.runtime.dbt.parse").make_manifest
    places = importlib.import_module("floe_images.runtime.places").Places.of(os.environ)
    manifests = {}
    for wanted in order["manifests"]:
        try:
            text = make_manifest(
                places,
                target=wanted["target"],
                transform=wanted["transform"],
                epoch=order["epoch"],
                placeholders=True,
                container=order["container"],
            ).decode()
        except failure as fault:
            told = {"message": fault.message, "where": fault.where, "hint": fault.hint, "code": fault.exit_code}
            return {"error": {key: _renamed(value, order) for key, value in told.items()}}
        manifests[wanted["name"]] = _renamed(text, order)
    return {"manifests": manifests}


def _renamed(value: Any, order: dict[str, Any]) -> Any:
    """Paths of this machine as the image has them."""
    if isinstance(value, str):
        for here, there in order["places"]:
            value = value.replace(json.dumps(here)[1:-1], there).replace(here, there)
    return value


def _without_network() -> None:
    """unshare(2): a network of its own, without any device that is up. Where that is not permitted nothing changes, and
    nothing asks the network either."""
    with contextlib.suppress(OSError, AttributeError):
        unshare = ctypes.CDLL(None).unshare
        if unshare(_CLONE_NEWNET) != 0:
            unshare(_CLONE_NEWNET | _CLONE_NEWUSER)


def _end_by_the_kernel(limit: int) -> None:
    """prctl(2), alarm(2): a project's macro may keep the interpreter so busy that no thread of it gets its turn."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(limit)
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _end_with_parent() -> None:
    while os.read(0, 1):
        pass
    os._exit(9)


_context = multiprocessing.get_context

if __name__ == "__main__":
    main()
