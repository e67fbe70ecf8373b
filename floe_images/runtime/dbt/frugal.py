"""Takes out of dbt's start what a run here never uses. Each is worth a tenth of the time to dbt's first node."""

from __future__ import annotations

import gc
import importlib
from contextlib import suppress

from floe_images.runtime.dbt.prepare import adapter_installed


def import_dbt(adapter: str | None) -> None:
    """Import dbt, and ``adapter`` where it is installed. What is not there is told later, by whoever needs it."""
    gc.disable()  # imports make millions of objects and no garbage
    try:
        with suppress(ImportError):
            _no_message_pack()
            importlib.import_module("dbt.cli.main")
            importlib.import_module("dbt.task.build")
            if adapter and adapter_installed(adapter):
                importlib.import_module(f"dbt.adapters.{adapter}")
            _no_partial_parsing()
    finally:
        gc.freeze()
        gc.set_threshold(100_000, 50, 100)  # what dbt makes while it reads a project it keeps, too
        gc.enable()


def _no_message_pack() -> None:
    """dbt makes code for each of its 500 classes to write itself as MessagePack: for partial parsing, which is off."""
    from mashumaro.mixins.msgpack import DataClassMessagePackMixin

    DataClassMessagePackMixin._DataClassMessagePackMixin__mashumaro_builder_params = {}


def _no_partial_parsing() -> None:
    """``--no-partial-parse`` reads no partial_parse.msgpack, but dbt would write one all the same."""
    from dbt.parser.manifest import ManifestLoader

    ManifestLoader.write_manifest_for_partial_parse = lambda _loader: None


def trust_the_project() -> None:
    """The project was held against dbt's JSON Schemas when its manifest was made, and floe makes the profile.

    Call it only where that manifest is what runs. A wrong type is still refused, by the classes themselves.
    """
    from dbt_common.dataclass_schema import dbtClassMixin

    dbtClassMixin.validate = classmethod(lambda _cls, _data: None)
