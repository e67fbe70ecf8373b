"""The command ``floe``: finds the verb, and turns whatever goes wrong into a line, a hint and an exit code.

A verb's module is imported when the verb is run, so that ``floe --help`` costs next to nothing.
"""

from __future__ import annotations

import errno
import importlib
import sys
from typing import Any, NoReturn

import click

from floe_images import __version__
from floe_images.cli.console import TextConsole
from floe_images.cli.quick import import_spec_lightly, leave
from floe_images.cli.streams import open_streams, result_error
from floe_images.errors import FloeError, SpecError

# Every verb: the module of its name in `commands/` has a click command `command`.
VERBS = {
    "init": "Start a project: floe.yaml and a dbt project.",
    "validate": "Check floe.yaml and show all findings.",
    "lock": "Resolve everything that enters the image into floe.lock.",
    "compile": "Write what the image carries: targets, schedules, places.",
    "build": "Build the image.",
    "run": "Run the pipeline once, here or in the image.",
    "up": "Bring the whole platform up on this machine.",
    "down": "Stop the platform and remove its containers.",
    "status": "Show the platform's containers and how they are.",
    "logs": "Show what the platform's containers say.",
    "exec": "Run a command in one of the platform's containers.",
    "backup": "Write everything that the platform keeps into one file.",
    "restore": "Make the platform's volumes as a backup has them.",
    "secrets": "Make, list, set and rotate the secrets that floe.yaml refers to.",
    "catalog": "Make what Polaris lacks of floe.yaml; look after Iceberg tables.",
    "inspect": "Show an image's layers, packages, files and sizes.",
    "schema": "Print the JSON Schema of floe.yaml.",
    "doctor": "Say what is missing on this machine, and how to get it.",
    "cache": "Show or prune the cache.",
    "completion": "Print the completion script of a shell.",
}
READ_SPEC = ("validate", "lock", "compile", "build", "run", "schema", "doctor")
_BROKEN_PIPE = 128 + 13
_INTERRUPTED = 130
_STREAM_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EBADF)


class _Verbs(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature, as below
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in VERBS:
            return None
        if cmd_name in READ_SPEC:
            import_spec_lightly()
        command: click.Command = importlib.import_module(f"floe_images.commands.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in VERBS and not args[0].startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(args[0], VERBS, n=1)
            ctx.fail(f"there is no verb {args[0]!r}" + (f"; did you mean {near[0]}?" if near else ""))
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        from click.shell_completion import CompletionItem

        verbs = [CompletionItem(verb, help=text) for verb, text in VERBS.items() if verb.startswith(incomplete)]
        return [*verbs, *click.Command.shell_complete(self, ctx, incomplete)]


@click.command(
    cls=_Verbs,
    context_settings={"help_option_names": ["-h", "--help"]},
    invoke_without_command=True,
    no_args_is_help=False,
)
@click.version_option(__version__, prog_name="floe", message="%(prog)s %(version)s")
@click.option("-v", "--verbose", is_flag=True, help="Say more on stderr.")
@click.option("--color/--no-color", default=None, help="Colour on stderr; by default on a terminal without NO_COLOR.")
@click.pass_context
def cli(ctx: click.Context, verbose: bool, color: bool | None) -> None:
    """From one floe.yaml to a hardened, reproducible data platform image."""
    console: TextConsole = ctx.obj
    console.verbose = verbose
    console.color = console.color if color is None else color
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def run(arguments: list[str], console: TextConsole) -> int:
    """Run one command line; the process' exit code, see ``errors.py``."""
    try:
        # Without standalone mode click hands back the code of ctx.exit(), or what the command returned.
        code = cli.main(arguments, prog_name="floe", standalone_mode=False, obj=console)
        return code if isinstance(code, int) else 0
    except SpecError as error:
        for finding in error.findings:
            console.note(finding)
        console.error(str(error), error.hint)
        return error.exit_code
    except FloeError as error:
        return _tell(error, console)
    except click.UsageError as error:
        verb = error.ctx.command_path if error.ctx else "floe"
        console.error(error.format_message(), f"`{verb} --help` shows what there is")
        return error.exit_code
    except click.ClickException as error:
        console.error(error.format_message())
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        console.error("interrupted")
        return _INTERRUPTED
    except SystemExit:  # click's answer to a pipe whose other end has gone
        return _BROKEN_PIPE
    except Exception as error:  # a bug, or a machine at its end
        if isinstance(error, OSError) and error.filename is None and error.errno in _STREAM_ERRORS:
            return _tell(result_error(error), console)  # help and version, which click writes
        from floe_images.cli.crash import report

        return report(error, console)
    finally:
        console.close()


def _tell(error: FloeError, console: TextConsole) -> int:
    console.error(str(error), error.hint)
    return error.exit_code


def _end_as_interrupted() -> None:
    """SIGTERM and SIGHUP are a Ctrl-C: what was begun is taken back. nohup(1) and a shell's trap '' are respected."""
    import signal

    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)


def main() -> NoReturn:
    """Run the process' own command line, with its own streams."""
    _end_as_interrupted()
    open_streams()
    code = run(sys.argv[1:], TextConsole())
    leave(code)
