"""Something that runs and talks, a child process or a container: its lines as they come, and two ways to stop it."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import IO, Literal, Protocol

Stream = Literal["stdout", "stderr"]
# Called with each line, without its line break, in the thread that follows.
Tell = Callable[[Stream, str], None]
_POLL_SECONDS = 0.2  # how long a wait goes on before Python looks whether a signal has come (Windows needs it)


class Running(Protocol):
    def lines(self, put: Callable[[Stream, bytes], None]) -> None:
        """Start a reader that calls ``put`` with every line of both streams, from threads of its own."""

    def interrupt(self) -> None:
        """What Ctrl-C is to a program in a terminal. Nothing happens where it has ended."""

    def kill(self) -> None:
        """End it at once, with all that it started."""

    def wait(self) -> int:
        """After the last line: the exit code; negative, the number of the signal that ended it."""


def follow(running: Running, tell: Tell, *, interrupted: Callable[[], None]) -> int:
    """Tell every line to the end; the exit code.

    The first Ctrl-C (or SIGTERM, SIGHUP) calls ``interrupted``, hands it on, and waits for the end that the program
    then makes by itself; the second kills. Whatever else goes wrong here kills as well: nothing is left behind.
    """
    heard: queue.SimpleQueue[tuple[Stream, bytes] | Literal["end", "signal"]] = queue.SimpleQueue()
    signals: list[int] = []
    ends = stops = 0

    def stop(number: int, _frame: FrameType | None) -> None:
        signals.append(number)
        heard.put("signal")  # may be called while the queue is in use, see SimpleQueue
        if len(signals) > 2:  # somebody who does not take our lines holds us up
            raise KeyboardInterrupt

    try:
        # No exception from nowhere: one that hits the child's lock between two lines would leave it locked.
        with _handled(stop):
            running.lines(lambda stream, line: heard.put((stream, line) if line else "end"))
            while ends < 2:  # two streams
                with contextlib.suppress(queue.Empty):
                    found = heard.get(timeout=_POLL_SECONDS)
                    if found == "end":
                        ends += 1
                    elif found != "signal":
                        tell(found[0], found[1].decode("utf-8", "replace").rstrip("\r\n"))
                if stops < len(signals):  # before whatever else is waiting in the queue
                    stops += 1
                    if stops > 1:
                        raise KeyboardInterrupt
                    interrupted()
                    running.interrupt()
        with _handled(signal.default_int_handler):
            return running.wait()
    except BaseException:
        running.kill()
        raise


@contextlib.contextmanager
def _handled(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Ctrl-C, SIGTERM and SIGHUP go to ``handler`` while the block runs; only the main thread may say so. What is
    ignored stays so: nohup(1), and a script's "&"."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    taken = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
    before = [signal.signal(number, handler) for number in taken]
    try:
        yield
    finally:
        for number, earlier in zip(taken, before, strict=True):
            signal.signal(number, earlier)


class ChildProcess:
    """A program in a group of its own, so that a terminal's Ctrl-C reaches it only through us, and once.

    Its stdin is a pipe that stays open as long as this process lives: its end tells the child that we are gone.
    """

    def __init__(self, command: Sequence[str | Path], *, env: Mapping[str, str], folder: Path) -> None:
        flags = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)  # Windows
        self._child = subprocess.Popen(
            [str(part) for part in command],
            env=dict(env),
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=os.name != "nt",
            creationflags=flags,
        )

    def lines(self, put: Callable[[Stream, bytes], None]) -> None:
        assert self._child.stdout is not None
        assert self._child.stderr is not None
        _read("stdout", self._child.stdout, put)
        _read("stderr", self._child.stderr, put)

    def interrupt(self) -> None:
        with contextlib.suppress(OSError):
            self._child.send_signal(getattr(signal, "CTRL_BREAK_EVENT", signal.SIGINT))

    def kill(self) -> None:
        with contextlib.suppress(OSError):
            if os.name == "nt":
                self._child.kill()
            else:
                os.killpg(self._child.pid, signal.SIGKILL)
        self.wait()

    def wait(self) -> int:
        code = self._child.wait()
        for stream in (self._child.stdin, self._child.stdout, self._child.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        return code


def _read(stream: Stream, pipe: IO[bytes], put: Callable[[Stream, bytes], None]) -> None:
    """Every line, and at last an empty one."""

    def work() -> None:
        with contextlib.suppress(OSError, ValueError):  # closed under us after a kill
            for line in pipe:
                put(stream, line)
        put(stream, b"")

    threading.Thread(target=work, name=f"read-{stream}", daemon=True).start()
