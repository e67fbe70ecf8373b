"""Holds OpenLineage events against the definitions that its client carries. Run with a runtime environment's Python.

stdin: a JSON list of events; stdout: a JSON list of what is wrong with them. The client's classes are generated from
OpenLineage's JSON Schemas; here they are made schemas again, and closed: a property that they do not have is a fault.
With a folder as argument, which holds OpenLineage's own ``spec``, its schemas are used as well.
"""

from __future__ import annotations

import enum
import importlib
import json
import pkgutil
import sys
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attr
import jsonschema
from openlineage.client import generated
from openlineage.client.generated import base


def _classes() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for module in pkgutil.iter_modules(generated.__path__):
        loaded = importlib.import_module(f"{generated.__name__}.{module.name}")
        for name, each in vars(loaded).items():
            if isinstance(each, type) and attr.has(each) and each.__module__ == loaded.__name__ and "Facet" in name:
                found[name] = each
    return found


def _whole(kind: Any) -> dict[str, Any]:
    definitions: dict[str, Any] = {}
    return {**_schema(kind, definitions), "$defs": definitions}


def _schema(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        (inner,) = (each for each in arguments if each is not type(None))
        return _schema(inner, definitions)
    if origin is list:
        return {"type": "array", "items": _schema(arguments[0], definitions)}
    if origin is dict:
        values = arguments[1]
        is_facet = isinstance(values, type) and issubclass(values, base.BaseFacet)  # which one, its own URL says
        inner = {} if is_facet or values is Any else {"additionalProperties": _schema(values, definitions)}
        return {"type": "object", **inner}
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return {"enum": [each.value for each in kind]}
    if isinstance(kind, type) and attr.has(kind):
        name = f"{kind.__module__}.{kind.__name__}"
        if name not in definitions:
            definitions[name] = {}  # a place first: fields have fields
            hints, fields = typing.get_type_hints(kind), attr.fields(kind)
            definitions[name] = {
                "type": "object",
                "properties": {each.name: _schema(hints[each.name], definitions) for each in fields},
                "required": [each.name for each in fields if each.default is attr.NOTHING or not each.init],
                "additionalProperties": False,
            }
        return {"$ref": f"#/$defs/{name}"}
    words = {str: "string", int: "integer", float: "number", bool: "boolean"}
    return {"type": words[kind]} if kind in words else {}


def _facets(event: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Each facet with the kind of thing that it is of, and the key under which it stands."""
    owners = [("Run", event["run"], "facets"), ("Job", event["job"], "facets")]
    for dataset in event["inputs"]:
        owners += [("Dataset", dataset, "facets"), ("InputDataset", dataset, "inputFacets")]
    for dataset in event["outputs"]:
        owners += [("Dataset", dataset, "facets"), ("OutputDataset", dataset, "outputFacets")]
    for owner, document, key in owners:
        for name, facet in document.get(key, {}).items():
            yield owner, name, facet


def _key(kind: str) -> str:
    """``SchemaDatasetFacet`` stands under ``schema`` (https://openlineage.io/docs/spec/facets/)."""
    for end in ("OutputDatasetFacet", "InputDatasetFacet", "DatasetFacet", "RunFacet", "JobFacet"):
        if kind.endswith(end):
            kind = kind.removesuffix(end)
            break
    special = {"SQL": "sql", "Datasource": "dataSource", "ProcessingEngine": "processing_engine"}
    return special.get(kind, kind[0].lower() + kind[1:])


def check(event: dict[str, Any], classes: dict[str, Any]) -> Iterator[str]:
    where = f"{event.get('eventType')} of {event['job']['name']}"
    shape = {key: each for key, each in event.items() if key not in ("producer", "schemaURL")}
    schema = _whole(base.RunEvent)
    for fault in jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker()).iter_errors(event):
        yield f"{where}: {fault.json_path}: {fault.message}"
    base.RunEvent(
        eventTime=shape["eventTime"], run=base.Run(**shape["run"]), job=base.Job(**shape["job"])
    )  # validators
    if event["schemaURL"] != base.RunEvent._get_schema():
        yield f"{where}: schemaURL {event['schemaURL']}"
    for owner, key, facet in _facets(event):
        kind = facet["_schemaURL"].rsplit("/", 1)[-1]
        found = classes.get(kind)
        if found is None or facet["_schemaURL"] != found._get_schema():
            yield f"{where}: {key}: {facet['_schemaURL']} is not of this client"
            continue
        if not issubclass(found, getattr(base, f"{owner}Facet")):
            yield f"{where}: {kind} is no facet of a {owner}"
        if key != _key(kind):
            yield f"{where}: {kind} stands under {key}"
        for fault in jsonschema.Draft202012Validator(_whole(found)).iter_errors(facet):
            yield f"{where}: {key}: {fault.json_path}: {fault.message}"


def check_spec(event: dict[str, Any], spec: Path) -> Iterator[str]:
    from referencing import Registry, Resource

    documents = [
        json.loads(path.read_text()) for path in [spec / "OpenLineage.json", *(spec / "facets").glob("*.json")]
    ]
    registry = Registry().with_resources([(each["$id"], Resource.from_contents(each)) for each in documents])

    def faults(url: str, document: Any) -> Iterator[Any]:
        checker = jsonschema.FormatChecker()
        yield from jsonschema.Draft202012Validator(
            {"$ref": url}, registry=registry, format_checker=checker
        ).iter_errors(document)

    yield from (f"spec: {fault.json_path}: {fault.message}" for fault in faults(event["schemaURL"], event))
    for _, key, facet in _facets(event):
        yield from (f"spec: {key}: {fault.json_path}: {fault.message}" for fault in faults(facet["_schemaURL"], facet))


def main() -> None:
    classes = _classes()
    found = []
    for event in json.load(sys.stdin):
        found += list(check(event, classes))
        if len(sys.argv) > 1:
            found += list(check_spec(event, Path(sys.argv[1])))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
