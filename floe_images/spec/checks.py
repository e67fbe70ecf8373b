"""What one part of floe.yaml asks of another. Works on whatever lies there, so that all findings come at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from floe_images.spec.document import Node
from floe_images.spec.findings import Finding, Path, path_text
from floe_images.spec.values import DATA_FOLDER

_DUCKDBS_OWN = ("main", "memory", "system", "temp")
_EXPORTED = ("duckdb", "postgres")
_UNIQUE: tuple[tuple[Path, str | None], ...] = (
    (("adapters",), None),
    (("image", "platforms"), None),
    (("image", "debian_packages"), "name"),
    (("data",), "name"),
    (("data",), "place"),
    (("transforms",), "path"),
    (("orchestration", "schedules"), "name"),
    (("orchestration", "sensors"), "name"),
)


def cross_check(root: Node, data: dict[str, Any]) -> list[Finding]:
    """``data`` is ``root`` as plain values; parts of a wrong type are passed over, since the model tells of them."""
    return [
        *_duplicates(root, data),
        *_places(root, data),
        *_targets(root, data),
        *_names_of_targets(root, data),
        *_catalogs_of_targets(root, data),
        *_exports(root, data),
        *_maintenance(root, data),
        *_schedules(root, data),
        *_services(root, data),
    ]


def _duplicates(root: Node, data: dict[str, Any]) -> Iterator[Finding]:
    for path, key in _UNIQUE:
        first: dict[str, int] = {}
        for index, item in enumerate(_list(_dig(data, *path))):
            value = item.get(key) if isinstance(item, dict) and key else item
            here: Path = (*path, index, key) if isinstance(item, dict) and key else (*path, index)
            if isinstance(value, str) and first.setdefault(value, index) != index:
                yield _find(root, here, f"is the same as {path_text((*path, first[value]))}", "keep one of the two")


def _places(root: Node, data: dict[str, Any]) -> Iterator[Finding]:
    """What is a file of one entry cannot be a folder of another's, nor its file under another spelling."""
    texts = [item.get("place") if isinstance(item, dict) else None for item in _list(data.get("data"))]
    places = [
        text.removeprefix(f"{DATA_FOLDER}/").strip("/") if isinstance(text, str) and text else None for text in texts
    ]
    for index, place in enumerate(places):
        for other, file in enumerate(places):
            if place is None or file is None or index == other:
                continue
            if place.startswith(f"{file}/"):
                words = f"lies in {path_text(('data', other, 'place'))}, which is a file"
            elif place == file and other < index and texts[index] != texts[other]:
                words = f"is the same as {path_text(('data', other, 'place'))}"
            else:
                continue
            yield _find(root, ("data", index, "place"), words, "choose another place")
            break


def _targets(root: Node, data: dict[str, Any]) -> Iterator[Finding]:
    adapters = _list(data.get("adapters"))
    for name, target in _dict(data.get("targets")).items():
        adapter = _dict(target).get("adapter")
        if isinstance(adapter, str) and adapters and adapter not in adapters and _is_adapter(adapter):
            yield _find(root, ("targets", name, "adapter"), "is not one of adapters", f"add {adapter} to adapters")


def _is_adapter(word: str) -> bool:
    from typing import get_args

    from floe_images.spec.targets import Adapter

    return word in get_args(Adapter)


def _names_of_targets(root: Node, data: dict[str, Any]) -> Iterator[Finding]:
    targets = _dict(data.get("targets"))
    paths: list[Path] = [("default_target",)]
    for kind in ("schedules", "sensors"):
        count = len(_list(_dig(data, "orchestration", kind)))
        paths += [("orchestration", kind, index, "target") for index in range(count)]
    for path in paths:
        name = _dig(data, *path)
        if isinstance(name, str) and targets and name not in targets:
            yield _find(root, path, "is not one of targets", _among(targets))


def _catalogs_of_targets(root: Node, data: dict[str, Any]) -> Iterator[Finding]:
    catalogs = _dict(data.get("catalogs"))
    for target, each in _dict(data.get("targets")).items():
        name, file = _dict(each).get("catalog"), _dict(each).get("path")
        if not isinstance(name, str) or _dict(each).get("adapter") != "duckdb":
            continue  # Databricks has catalogs of its own
        path = ("targets", target, "catalog")
        if name not in catalogs:
            yield _find(root, path, "is not one of catalogs", _among(catalogs))
        elif _dict(each).get("schema", "main") == "main":
            hint = "give the target a schema: the Iceberg namespace of its tables"
            yield _find(root, path, "needs another schema than main, which is DuckDB's own", hint)
        elif isinstance(file, str) and name.casefold() in (_database(file), *_DUCKDBS_OWN):
            hint = "rename the catalog, or the target's file"
            yield _find(root, path, "has the name of a database of DuckDB's, which the file's name gives", hint)


def _exports(root: Node, data: dict[str, Any]) -> Iterator[Finding]:
    catalogs = _dict(data.get("catalogs"))
    first: dict[tuple[object, ...], int] = {}
    for index, each in enumerate(_list(data.get("exports"))):
        export = _dict(each)
        name = export.get("catalog")
        if isinstance(name, str) and name not in catalogs:
            yield _find(root, ("exports", index, "catalog"), "is not one of catalogs", _among(catalogs))
        written = (name, export.get("namespace"), export.get("table", export.get("model")))
        if all(isinstance(part, str) for part in written) and first.setdefault(written, index) != index:
            message = f"writes the same table as {path_text(('exports', first[written]))}"
            yield _find(root, ("exports", index), message, "give one of the two another table")
    adapter = _dig(data, "targets", str(data.get("default_target")), "adapter")
    if data.get("exports") and isinstance(adapter, str) and adapter not in _EXPORTED and _is_adapter(adapter):
        hint = "name a duckdb or postgres target in default_target, or leave exports out"
        yield _find(root, ("exports",), f"cannot be read from {adapter}, which the default target is on", hint)


def _maintenance(root: Node, data: dict[str, Any]) -> Iterator[Finding]:
    catalogs = _dict(data.get("catalogs"))
    for index, name in enumerate(_list(_dig(data, "orchestration", "maintenance", "catalogs"))):
        if isinstance(name, str) and name not in catalogs:
            path: Path = ("orchestration", "maintenance", "catalogs", index)
            yield _find(root, path, "is not one of catalogs", _among(catalogs))
    if not _dict(_dig(data, "orchestration", "maintenance")):
        return
    for kind in ("schedules", "sensors"):
        for index, each in enumerate(_list(_dig(data, "orchestration", kind))):
            if _dict(each).get("name") == "maintenance":
                path = ("orchestration", kind, index, "name")
                yield _find(root, path, "is the name of the schedule of orchestration.maintenance", "give it another")
    if not catalogs:
        path = ("orchestration", "maintenance")
        yield _find(root, path, "has nothing to look after", "name Iceberg catalogs in catalogs, or leave it out")


def _database(file: str) -> str:
    """What DuckDB calls a database file."""
    return file.rpartition("/")[2].lstrip(".").split(".")[0].casefold()


def _schedules(root: Node, data: dict[str, Any]) -> Iterator[Finding]:
    schedules = _list(_dig(data, "orchestration", "schedules"))
    names = {name: None for name in (_dict(schedule).get("name") for schedule in schedules) if isinstance(name, str)}
    for index, sensor in enumerate(_list(_dig(data, "orchestration", "sensors"))):
        name = _dict(sensor).get("schedule")
        if isinstance(name, str) and name not in names:
            path = ("orchestration", "sensors", index, "schedule")
            yield _find(root, path, "is not one of orchestration.schedules", _among(names))


def _services(root: Node, data: dict[str, Any]) -> Iterator[Finding]:
    for name, service in _dict(data.get("services")).items():
        if {"recipe", "image"} <= _dict(service).keys() and name != "polaris":
            yield _find(
                root, ("services", name, "image"), f"stands beside services.{name}.recipe", "keep one of the two"
            )


def _among(names: dict[str, Any]) -> str | None:
    return "one of: " + ", ".join(path_text((name,)) for name in names) if names else None


def _find(root: Node, path: Path, message: str, hint: str | None) -> Finding:
    node = root
    for element in path:
        node = node.data[element]
    return Finding(at=node.at, path=path_text(path), message=message, hint=hint)


def _dig(data: Any, *path: str | int) -> Any:
    for element in path:
        if isinstance(element, str):
            data = _dict(data).get(element)
        else:
            data = _list(data)[element] if element < len(_list(data)) else None
    return data


def _list(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else ()


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
