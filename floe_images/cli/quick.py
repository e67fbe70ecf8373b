"""A quick start and a quick end: what the interpreter and libraries do by default, and a command line never needs."""

from __future__ import annotations

import gc
import os
import re
import sys
from types import ModuleType
from typing import Any, NoReturn

from floe_images.cli.streams import drop_broken_streams

_VARIABLE = "PYDANTIC_DISABLE_PLUGINS"
_LOADER = "pydantic.plugin._loader"


def look_for_garbage_rarely() -> None:
    """Starting makes many objects and no garbage: looking for it at the default pace is a tenth of the start."""
    gc.set_threshold(400_000, 50, 100)


def import_spec_lightly() -> None:
    """Prepare what reading floe.yaml imports: pydantic without plugins, pydantic-core and yaml without idle work."""
    _leave_plugins_out()
    if "pydantic_core" not in sys.modules:
        _import_pydantic_core()
    if "yaml" not in sys.modules:
        _import_yaml()


def _leave_plugins_out() -> None:
    """Keep pydantic from scanning all installed packages for plugins, unless ``PYDANTIC_DISABLE_PLUGINS`` says else.

    Scanning costs more than validating does. The variable alone stops the scan, but not the import of what would scan:
    importlib.metadata with email and zipfile, a sixth of the whole start with pydantic 2.14. So the module that would
    look is here already and finds none. A pydantic that keeps it elsewhere passes this by and reads the variable.
    https://docs.pydantic.dev/latest/concepts/plugins/
    """
    if os.environ.setdefault(_VARIABLE, "__all__") == "__all__" and _LOADER not in sys.modules:
        loader = ModuleType(_LOADER)
        loader.__dict__["get_plugins"] = tuple  # called without arguments: no plugins
        sys.modules[_LOADER] = loader


class _Described(dict[str, Any]):
    """In a TypedDict's place: the class is a dict just as well, and its annotations stay the texts that they are."""

    def __init_subclass__(cls, *, total: bool = True) -> None:
        """Take what a TypedDict's class statement may say (PEP 589)."""


def _import_pydantic_core() -> None:
    """Its TypedDicts do not compile their annotations.

    There are 80 of them, for type checkers alone, and making them is a twelfth of `floe validate`. What is imported
    afterwards has the real TypedDict again.
    """
    import typing

    import typing_extensions

    kept = [(module, module.__dict__["TypedDict"]) for module in (typing, typing_extensions)]
    try:
        for module, _ in kept:
            module.__dict__["TypedDict"] = _Described
        import pydantic_core  # noqa: F401
    finally:
        for module, real in kept:
            module.__dict__["TypedDict"] = real


class _Pattern:
    """A regular expression that is compiled when it is first used."""

    def __init__(self, *arguments: Any) -> None:
        self._arguments = arguments

    def __getattr__(self, name: str) -> Any:
        return getattr(re.compile(*self._arguments), name)  # re keeps what it has compiled


def _import_yaml() -> None:
    """Its regular expressions are for what floe.yaml's own reader does itself: a tenth of `floe validate`."""
    kept = re.compile
    try:
        re.__dict__["compile"] = _Pattern
        import yaml  # noqa: F401
    finally:
        re.__dict__["compile"] = kept


def leave(code: int) -> NoReturn:
    """End the process: what asked to be called at its end is called, but no object is taken apart one by one.

    With another thread still at work the interpreter ends as it always does.
    """
    if "threading" not in sys.modules or sys.modules["threading"].active_count() == 1:
        import atexit

        atexit._run_exitfuncs()
        drop_broken_streams()
        os._exit(code)
    drop_broken_streams()
    gc.freeze()  # the interpreter looks through everything once more while it ends; what is frozen is passed over
    sys.exit(code)
