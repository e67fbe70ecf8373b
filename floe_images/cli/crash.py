"""What nobody expected: one line on stderr, the traceback in a log file."""

from __future__ import annotations

import os
import platform
import sys
import time
import traceback
from pathlib import Path

from floe_images import __version__
from floe_images.cli.console import TextConsole

EXIT_CODE = 1


def report(error: BaseException, console: TextConsole) -> int:
    """Write the log and say where it is; the exit code."""
    name = type(error).__name__
    if isinstance(error, MemoryError):
        console.error("there is not enough memory", "close other programs, or give this machine more")
        return EXIT_CODE
    try:
        path = _write_log(error, console)
    except OSError:
        console.error(f"this is a bug in floe: {name} (no log could be written)")
        return EXIT_CODE
    console.error(f"this is a bug in floe: {name}", f"the log is {path}")
    return EXIT_CODE


def _write_log(error: BaseException, console: TextConsole) -> Path:
    from platformdirs import user_log_path

    from floe_images.engine.redact import redact_text

    trace = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    about = f"floe {__version__}, Python {sys.version.split()[0]}, {platform.platform()}\n\n"
    folder = user_log_path("floe", appauthor=False)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"crash-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.log"
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as log:
        log.write(about + console.clean(redact_text(trace)))
    return path
