"""``floe-runtime``: the entry point of the image. A role is the first argument; what follows is the role's own."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from floe_images import __version__
from floe_images.errors import CancelledError, FloeError, NotAvailableYetError, UsageError

USAGE = """\
usage: floe-runtime ROLE [ARGUMENTS]

  dbt ARGUMENTS…   run dbt with the profile that floe.yaml describes
  check [--quick]  say whether this container can do its work (exit code 0 or 1)
  --version        say the version of this runtime
"""
_LATER = ("webserver", "daemon", "code-server", "run", "doctor")


def main() -> None:
    """The console script. Ends the process with the exit code of the role, or of the error tree."""
    try:
        code = _run(sys.argv[1:])
    except FloeError as error:
        code = _tell(error)
    except KeyboardInterrupt:
        code = _tell(CancelledError("interrupted"))
    sys.exit(code)


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
    if role == "check":
        return _check(rest)
    if role == "dbt":
        from floe_images.runtime.dbt import run_dbt

        return run_dbt(rest)
    if role in _LATER:
        raise NotAvailableYetError(f"the role {role} is not available yet", hint="dbt and check are")
    raise UsageError(f"unknown role {role!r}", hint="the roles are dbt and check")


def _check(arguments: Sequence[str]) -> int:
    if [argument for argument in arguments if argument != "--quick"]:
        raise UsageError("check takes no argument but --quick")
    from floe_images.runtime.check import check

    well, line = check(quick="--quick" in arguments, environ=os.environ)
    (sys.stdout if well else sys.stderr).write(f"{line}\n")
    return 0 if well else 1


def _tell(error: FloeError) -> int:
    sys.stderr.write(f"error: {error}\n")
    if error.hint:
        sys.stderr.write(f"hint: {error.hint}\n")
    return error.exit_code


if __name__ == "__main__":
    main()
