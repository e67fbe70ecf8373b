"""Options that several verbs share."""

from __future__ import annotations

from pathlib import Path

import click

#: ``--file``: the path of floe.yaml, parameter ``file``.
spec_file = click.option(
    "-f",
    "--file",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("floe.yaml"),
    show_default=True,
    help="The floe.yaml.",
)
#: ``--json``: parameter ``as_json``.
as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
#: ``--find-links``: parameter ``folders``.
find_links = click.option(
    "--find-links",
    "folders",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    multiple=True,
    metavar="FOLDER",
    help="A folder of files that serves as well as an index. May be repeated.",
)
