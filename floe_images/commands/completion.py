"""``floe completion``: the script that teaches a shell to complete floe's command line."""

from __future__ import annotations

import click

from floe_images.progress import Console

SHELLS = ("bash", "zsh", "fish")


@click.command(epilog='bash, in ~/.bashrc:  eval "$(floe completion bash)"')
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_obj
def command(console: Console, shell: str) -> None:
    """Print the completion script of a shell."""
    from click.shell_completion import ShellComplete, get_completion_class

    completion = get_completion_class(shell)
    assert completion is not None  # click has all of SHELLS
    root = click.get_current_context().find_root().command
    # The base class' method: bash's own one would run bash to learn its version.
    console.result(ShellComplete.source(completion(root, {}, "floe", "_FLOE_COMPLETE")).strip())
