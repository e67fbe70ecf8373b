"""A quick start: what `floe validate` leaves out, and when it does not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "flights" / "floe.yaml"
CODE = """
import sys
from floe_images.cli.console import TextConsole
from floe_images.cli.main import run
code = run(["validate", "--file", sys.argv[1]], TextConsole())
print(code, "importlib.metadata" in sys.modules, hasattr(sys.modules["pydantic.plugin._loader"], "__file__"))
"""


@pytest.mark.parametrize(
    ("variable", "shown"), [(None, "0 False False"), ("__all__", "0 False False"), ("none-of-this-name", "0 True True")]
)
def test_plugins_of_pydantic_are_looked_for_only_where_the_environment_asks_for_it(
    variable: str | None, shown: str
) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "PYDANTIC_DISABLE_PLUGINS"}
    environment |= {"PYDANTIC_DISABLE_PLUGINS": variable} if variable else {}
    command = [sys.executable, "-c", CODE, str(EXAMPLE)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == shown


def test_the_loader_has_the_name_and_the_function_that_pydantic_asks_for() -> None:
    """What ``quick`` puts in place is looked up by name: a pydantic that renames it should be noticed."""
    code = "import pydantic.plugin._loader as loader; print(list(loader.get_plugins()))"
    environment = {**os.environ, "PYDANTIC_DISABLE_PLUGINS": "__all__"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


LIGHT = """
import re, sys, typing
kept = re.compile, typing.TypedDict
from floe_images.cli.quick import import_spec_lightly
import_spec_lightly()
import yaml, pydantic_core.core_schema as described
print((re.compile, typing.TypedDict) == kept, typing.is_typeddict(described.StringSchema))
print(yaml.safe_load("{on: 2001-01-01, n: 0x1F, t: 2001-12-14t21:59:43.10Z}"))
import pydantic, typing_extensions
class Made(typing_extensions.TypedDict):
    n: int
print(pydantic.TypeAdapter(Made).validate_python({"n": 1}), typing_extensions.is_typeddict(Made))
"""


def test_what_is_imported_lightly_works_and_leaves_the_rest_as_it_was() -> None:
    """Imported without regular expressions, yaml still reads what needs them; pydantic still knows a TypedDict."""
    done = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "True False",
        "{True: datetime.date(2001, 1, 1), 'n': 31, "
        "'t': datetime.datetime(2001, 12, 14, 21, 59, 43, 100000, tzinfo=datetime.timezone.utc)}",
        "{'n': 1} True",
    ]


LEAVE = """
import atexit, sys, threading
from floe_images.cli.quick import leave
atexit.register(print, "asked for")
if sys.argv[1] == "thread":
    threading.Thread(target=lambda: (__import__("time").sleep(0.3), print("at work"))).start()
print("said")
leave(7)
"""


@pytest.mark.parametrize(("argument", "said"), [("alone", []), ("thread", ["at work"])])
def test_leaving_says_all_calls_what_asked_for_it_and_waits_for_threads(argument: str, said: list[str]) -> None:
    done = subprocess.run([sys.executable, "-c", LEAVE, argument], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.splitlines()) == (7, ["said", *said, "asked for"])
