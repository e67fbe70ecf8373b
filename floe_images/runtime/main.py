"""``floe-runtime``: the entry point of the image. A role is the first argument; what follows is the role's own."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from floe_images import __version__
from floe_images.errors import CancelledError, FloeError, UsageError
from floe_images.runtime.cores import forbid_core_dumps

USAGE = """\
usage: floe-runtime ROLE [ARGUMENTS]

  webserver        Dagster's UI and GraphQL on port 3000
  daemon           schedules, sensors and the queue of runs
  code-server      the definitions, over gRPC on port 4000; it runs what the daemon hands it
  dev              all three in one, for a laptop
  run [OPTIONS]    run the pipeline once and end with the outcome's exit code
  dbt ARGUMENTS…   run dbt with the profile that floe.yaml describes
  catalog plan|apply  tell or make what a managed Polaris lacks of floe.yaml
  maintain         look after the tables in Iceberg catalogs; --dry-run says what would be done
  check [--quick]  say whether this container can do its work (exit code 0 or 1)
  doctor           look at everything that could be wrong, one line each (exit code 0 or 1)
  --version        say the version of this runtime
"""
_ROLES = {
    "webserver": "webserver",
    "daemon": "daemon",
    "code-server": "code_server",
    "dev": "dev",
    "run": "run",
    "dbt": "dbt",
    "catalog": "catalog",
    "maintain": "maintain",
    "check": "check",
    "doctor": "doctor",
}
_SHORT = ("check", "doctor")
_SERVERS = ("webserver", "daemon", "code-server", "dev")


def main() -> None:
    """The console script. Ends the process with the exit code of the role, or of the error tree."""
    forbid_core_dumps()
    try:
        code = _run(sys.argv[1:])
    except FloeError as error:
        code = _tell(error)
    except KeyboardInterrupt:
        code = _tell(CancelledError("interrupted"))
    except Exception as error:
        code = _tell_bug(error)
    if sys.argv[1:2] and sys.argv[1] in _SERVERS:
        _end(code)
    sys.exit(code)


def _end(code: int) -> NoReturn:
    """Everything has ended; to take Dagster's modules apart, as Python does at exit, takes another second."""
    import atexit

    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _run(arguments: Sequence[str]) -> int:
    if not arguments:
        sys.stderr.write(USAGE)
        return UsageError.exit_code
    role, rest = arguments[0], arguments[1:]
    if role in ("--help", "-h"):
        sys.stdout.write(USAGE)
        return 0
    if role == "--version":
        sys.stdout.write(f"floe-runtime {__version__}\n")
        return 0
    if role not in _ROLES:
        raise UsageError(f"unknown role {role!r}", hint=f"the roles are {', '.join(_ROLES)}")
    if role not in _SHORT and os.getpid() == 1:
        from floe_images.runtime.init import become_init

        become_init()
    code: int = import_module(f"floe_images.runtime.roles.{_ROLES[role]}").run(rest)
    return code


def _tell(error: FloeError) -> int:
    from floe_images.runtime.log import one_line

    sys.stderr.write(f"error: {one_line(str(error))}\n")
    if error.hint:
        sys.stderr.write(f"hint: {one_line(error.hint)}\n")
    return error.exit_code


def _tell_bug(error: Exception) -> int:
    import traceback

    from floe_images.runtime.log import one_line
    from floe_images.runtime.roles.start import is_interrupt

    if is_interrupt(error):
        return _tell(CancelledError("interrupted"))
    sys.stderr.write(f"error: a bug in floe: {one_line(traceback.format_exc())}\n")
    return 1


if __name__ == "__main__":
    main()
