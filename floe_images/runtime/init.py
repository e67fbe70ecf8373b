"""Process 1 of a container: passes signals on, and buries processes whose parents are gone (as tini does).

The kernel gives process 1 no default handlers, and makes it the parent of every orphan. Forked off before anything is
imported, it costs a few pages of memory, and every role stays an ordinary process.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from types import FrameType

_PASSED_ON = ("SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2")


def become_init() -> None:
    """Where this is process 1: go on in a child of it. The parent ends with the child's exit code."""
    if os.getpid() != 1:
        return
    signals = {getattr(signal, name) for name in _PASSED_ON}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    child = os.fork()
    if child == 0:
        # A group of its own: Ctrl-C in a terminal reaches the child once, and not again through its parent.
        os.setpgid(0, 0)
        _take_terminal()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
        return

    def pass_on(number: int, _frame: FrameType | None) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, number)

    for each in signals:
        signal.signal(each, pass_on)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
    while True:
        pid, status = os.wait()
        if pid == child:
            os._exit(_code(status))


def _code(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _take_terminal() -> None:
    if sys.stdin is None or not sys.stdin.isatty():
        return
    was = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    try:
        os.tcsetpgrp(sys.stdin.fileno(), os.getpgrp())
    except OSError:
        pass  # no terminal of ours to take
    finally:
        signal.signal(signal.SIGTTOU, was)
