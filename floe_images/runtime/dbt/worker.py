"""The dbt worker: ``python -m floe_images.runtime.dbt.worker [ADAPTER [MANIFEST]]``. One order in, events out; it ends.

stdin: one line that is an order, then perhaps ``cancel``; its end means that the parent is gone. stdout: events.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import queue
import signal
import sys
import threading
import time
import warnings
from pathlib import Path
from types import FrameType

from floe_images.artifacts.events import Outcome, RunFinished
from floe_images.errors import CancelledError
from floe_images.runtime.cores import forbid_core_dumps
from floe_images.runtime.dbt.frugal import import_dbt
from floe_images.runtime.dbt.output import Capture, EventWriter
from floe_images.runtime.dbt.prebuilt import prepare_manifest
from floe_images.runtime.dbt.prepare import QUIET
from floe_images.runtime.dbt.redact import Redactor
from floe_images.runtime.dbt.request import Order, from_line
from floe_images.runtime.dbt.translate import Translator
from floe_images.runtime.places import Places

_PATIENCE = 4.0  # seconds that dbt has to cancel its queries and close its connections
_LAST = 5  # seconds until the kernel ends the process, should a driver keep all of Python waiting
_AGAIN = 0.3  # seconds


class Worker:
    def __init__(self) -> None:
        self._interrupted = False
        self._alarm, woken = os.pipe()
        os.set_blocking(woken, False)
        signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
        self._redact = Redactor()
        self._translator: Translator | None = None
        self._capture = Capture(self._print)
        faulthandler.enable(self._capture.stderr)
        self._writer = EventWriter(self._capture.stdout, lost=self._interrupt)
        self._translator = Translator(
            self._writer.tell, self._redact, level=os.environ.get("FLOE_DBT_LOG_LEVEL", "info")
        )
        self._orders: queue.SimpleQueue[str] = queue.SimpleQueue()

    def main(self, adapter: str | None = None, manifest: str | None = None) -> int:
        threading.Thread(target=self._watch, name="floe-watch", daemon=True).start()
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)
        threading.Thread(target=self._listen, name="floe-orders", daemon=True).start()
        try:
            outcome, message = self._work(adapter, manifest)
        except KeyboardInterrupt:
            outcome, message = "interrupted", "interrupted"
        self._finish("interrupted" if self._interrupted else outcome, message)
        return CancelledError.exit_code if outcome == "interrupted" else 0

    def _work(self, adapter: str | None, manifest: str | None) -> tuple[Outcome, str | None]:
        import_dbt(adapter)
        if manifest:
            prepare_manifest(Path(manifest), home=Places.of(os.environ).home)
        line = self._orders.get()
        try:
            order: Order = from_line(line)
        except ValueError as fault:
            return "infrastructure", f"the dbt worker was given no order: {fault}"
        from floe_images.runtime.dbt.invoke import invoke

        assert self._translator
        return invoke(order, translator=self._translator, redact=self._redact)

    def _finish(self, outcome: Outcome, message: str | None) -> None:
        self._capture.close()
        text = None if outcome == "success" or message is None else self._redact(message)
        self._writer.tell(RunFinished(outcome=outcome, message=text, at=time.time_ns()))
        self._writer.close()

    def _print(self, line: str) -> None:
        if self._translator:
            self._translator.say("info", line)

    def _listen(self) -> None:
        self._orders.put(sys.stdin.readline())
        sys.stdin.readline()  # ``cancel``, or nothing at all: in either case it is over
        self._interrupt()

    def _interrupt(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        """The first one interrupts; more of them must not disturb the cleaning up that it sets off.

        Only what takes no lock may be done here: the main thread may be holding it.
        """
        if not self._interrupted:
            self._interrupted = True
            raise KeyboardInterrupt

    def _watch(self) -> None:
        """After a signal: see that it is heard, cancel what dbt began too late to cancel, and end when time is up."""
        os.read(self._alarm, 1)
        signal.alarm(_LAST)
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end:
            time.sleep(_AGAIN)
            if self._interrupted:
                _cancel_queries()
            else:  # it came when the main thread was about to wait for a lock, and waits now
                self._interrupt()
        self._writer.tell(RunFinished(outcome="interrupted", message="interrupted", at=time.time_ns()))
        self._writer.close()
        os._exit(CancelledError.exit_code)


def _cancel_queries() -> None:
    factory = sys.modules.get("dbt.adapters.factory")
    for adapter in tuple(factory.FACTORY.adapters.values()) if factory else ():
        with contextlib.suppress(Exception):
            if adapter.is_cancelable():
                with adapter.connection_named("floe_cancel"):
                    list(adapter.cancel_open_connections())


def main() -> None:
    forbid_core_dumps()
    os.environ.update(QUIET)
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    code = Worker().main(*sys.argv[1:])
    # Connections are closed and all is written: the interpreter's own leave-taking would only take time.
    os._exit(code)


if __name__ == "__main__":
    main()
