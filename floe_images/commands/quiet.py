"""A line now and then while a run says nothing: whoever waits learns that it is at work, and on what."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

_FIRST = 60.0  # seconds without a word


@contextlib.contextmanager
def telling(
    what: Callable[[], str], note: Callable[[str], None], *, first: float = _FIRST
) -> Iterator[Callable[[], None]]:
    """Call what is yielded at every word. After ``first`` seconds without one ``note`` gets ``what()``, and again each
    time that the silence has doubled."""
    ended = threading.Event()
    heard = [time.monotonic()]

    def watch() -> None:
        patience, since = first, heard[0]
        while not ended.wait(min(1.0, first / 4)):
            if heard[0] != since:
                patience, since = first, heard[0]
            silence = time.monotonic() - since
            if silence >= patience:
                note(f"{what()}: nothing was heard for {silence:.0f} s; Ctrl-C ends it")
                patience *= 2

    thread = threading.Thread(target=watch, name="quiet", daemon=True)
    thread.start()

    def word() -> None:
        heard[0] = time.monotonic()

    try:
        yield word
    finally:
        ended.set()
        thread.join()
