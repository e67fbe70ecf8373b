"""``floe init``: start a project. Nothing that lies there is overwritten, and nothing is written halfway.

A new folder appears with everything in it. In one that is there each file appears whole and floe.yaml last, so that a
folder with a floe.yaml is a whole project; after a kill the same command adds what is missing.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from pathlib import Path, PurePosixPath

import click

from floe_images.errors import UsageError, disk_error
from floe_images.progress import Console
from floe_images.spec.load import SPEC_FILE

_NOT_COPIED = ("target", "logs", "dbt_packages", "__pycache__", ".floe", ".user.yml")

_STAGING = ".floe-init."

_FLOE_YAML = """\
# One data pipeline, the image that it runs in, and what it talks to.
# `floe validate` checks this file, `floe build` makes the image.
version: "1.0"
name: {name}

image:
  platforms: [linux/amd64, linux/arm64]
  python: "3.11"                # the Python that Debian bookworm carries
  max_size: 2GB                 # a build that gets bigger fails
  # repository: registry.example.internal/data/{name}
  # python_packages: []         # more requirements, such as "requests>=2.32"
  # mirrors: {{python: https://mirror.example.internal/simple}}

# One dbt adapter or more: duckdb postgres snowflake bigquery redshift databricks
adapters: [duckdb]
targets:
  dev: {{adapter: duckdb, path: /var/lib/floe/{name}.duckdb}}
  # A secret is only ever {{env: NAME}} or {{secret: name}}:
  # prod: {{adapter: postgres, host: {{env: PGHOST}}, user: floe, password: {{secret: pg_password}}, database: {name}}}
default_target: dev

transforms:
  - {{type: dbt, path: transform}}

orchestration:
  metadata: {{type: sqlite}}      # or postgres
  schedules: []                 # - {{name: nightly, cron: "0 3 * * *", timezone: Europe/Berlin}}
  sensors: []

# Nothing leaves the image unless an endpoint is named here.
observability: {{traces: off, lineage: off}}
"""
_DBT_PROJECT = """\
name: {project}
version: "1.0.0"
config-version: 2
profile: {project}  # floe makes the profile out of floe.yaml's targets
model-paths: [models]
models:
  {project}:
    +materialized: table
"""
_MODEL = """\
select 1 as id, 'one' as word
union all
select 2 as id, 'two' as word
"""
_MODEL_YAML = """\
models:
  - name: words
    description: The first model; replace it by your own.
    columns:
      - name: id
        data_tests: [not_null, unique]
"""
_GITIGNORE = """\
.floe/
target/
logs/
dbt_packages/
.user.yml
*.duckdb
*.duckdb.wal
"""


@click.command()
@click.argument("name", required=False)
@click.option("--example", metavar="NAME", help="Copy an example instead, such as flights.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help="Where to write; the current folder unless given.",
)
@click.pass_obj
def command(console: Console, name: str | None, example: str | None, folder: Path) -> None:
    """Start a project: floe.yaml and a dbt project.

    NAME is the project's name; the folder's name unless given.
    """
    if example is not None and name is not None:
        raise UsageError(
            "an example has its own name", hint="leave NAME out, and change `name` in floe.yaml afterwards"
        )
    files = _example_files(example) if example is not None else _new_files(_project_name(name, folder))
    files = _with_schema(files)
    _refuse_to_overwrite(folder, files)
    _write(folder, files)
    for path in files:
        console.result(str(folder / path))
    console.note("next: `floe validate`, then `floe build`")


def _project_name(name: str | None, folder: Path) -> str:
    if name is None:
        name = re.sub("[^a-z0-9]+", "-", folder.resolve().name.lower()).strip("-")
        name = re.sub("^[0-9-]+", "", name)[:63].strip("-") or "pipeline"
    if len(name) > 63 or re.fullmatch("[a-z][a-z0-9]*(?:[_-][a-z0-9]+)*", name) is None:
        raise UsageError(
            "a project's name is of lower-case letters and digits, with single _ or - between",
            hint="for example: floe init my-project",
        )
    return name


def _new_files(name: str) -> dict[PurePosixPath, bytes]:
    project = name.replace("-", "_")
    texts = {
        SPEC_FILE: _FLOE_YAML.format(name=name),
        ".gitignore": _GITIGNORE,
        "transform/dbt_project.yml": _DBT_PROJECT.format(project=project),
        "transform/models/words.sql": _MODEL,
        "transform/models/words.yml": _MODEL_YAML,
    }
    return {PurePosixPath(path): text.encode() for path, text in texts.items()}


def _example_files(example: str) -> dict[PurePosixPath, bytes]:
    import floe_images

    package = Path(floe_images.__file__).parent
    # In a wheel the examples are in the package; in a checkout they lie beside it.
    examples = next(folder for folder in (package / "examples", package.parent / "examples") if folder.is_dir())
    known = {path.parent.name: path.parent for path in examples.glob(f"*/{SPEC_FILE}")}
    if example not in known:
        raise UsageError("there is no such example", hint=f"there are: {', '.join(sorted(known))}")
    root = known[example]
    return {PurePosixPath(".gitignore"): _GITIGNORE.encode()} | {
        PurePosixPath(path.relative_to(root).as_posix()): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not set(path.relative_to(root).parts) & set(_NOT_COPIED)
    }


def _with_schema(files: dict[PurePosixPath, bytes]) -> dict[PurePosixPath, bytes]:
    """The files with the JSON Schema, and with the line by which editors find it."""
    from floe_images.spec.schema import EDITOR_LINE, SCHEMA_FILE, schema_text

    spec = PurePosixPath(SPEC_FILE)
    line = EDITOR_LINE.encode() + b"\n"
    content = files[spec] if files[spec].startswith(line) else line + files[spec]
    # floe.yaml comes last, so that a folder with a floe.yaml is a whole project.
    others = {path: data for path, data in files.items() if path != spec}
    return {**others, PurePosixPath(SCHEMA_FILE): schema_text().encode(), spec: content}


def _refuse_to_overwrite(folder: Path, files: dict[PurePosixPath, bytes]) -> None:
    taken = [str(path) for path, data in files.items() if _is_taken(folder / path, data)]
    folders = {parent for path in files for parent in path.parents}
    taken += sorted(str(path) for path in folders if os.path.lexists(folder / path) and not (folder / path).is_dir())
    if taken:
        hint = "nothing was written; move them away, or choose another --folder"
        raise UsageError(f"these files are there already: {', '.join(taken)}", hint=hint)


def _is_taken(path: Path, data: bytes) -> bool:
    try:
        return os.path.lexists(path) and not (path.is_file() and path.read_bytes() == data)
    except OSError:
        return True


def _write(folder: Path, files: dict[PurePosixPath, bytes]) -> None:
    new = not os.path.lexists(folder)
    place = folder.parent if new else folder
    try:
        place.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(place)
        staging = place / f"{_STAGING}{os.getpid()}.{secrets.token_hex(4)}"
        try:
            for path, data in files.items():
                (staging / path).parent.mkdir(parents=True, exist_ok=True)
                (staging / path).write_bytes(data)
            if new:
                staging.rename(folder)
                return
            for path in files:
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (staging / path).replace(folder / path)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    except OSError as error:
        raise disk_error(error, str(folder)) from None


def _remove_abandoned(place: Path) -> None:
    """What runs that were killed here had not finished."""
    from floe_images.engine.processes import alive

    for path in place.glob(f"{_STAGING}*"):
        pid = path.name.removeprefix(_STAGING).partition(".")[0]
        if pid.isdecimal() and not alive(int(pid)):
            shutil.rmtree(path, ignore_errors=True)
