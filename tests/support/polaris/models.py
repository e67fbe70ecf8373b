"""Requests and answers held against the official client's own models."""

from __future__ import annotations

from typing import Any

import apache_polaris.sdk.management as sdk
from pydantic import ValidationError

from tests.support.polaris.answers import API, SEEN, empty, error


def request(name: str, document: Any) -> Any:
    """``document`` read by the client's model ``name``, and what it did not read left out, as the server does."""
    try:
        found = getattr(sdk, name).from_dict(document)
        if found is None:
            raise ValueError("null")
        return found.to_dict()
    except (ValidationError, ValueError, KeyError, TypeError, AttributeError):
        raise error(400, "ResteasyReactiveViolationException", f"{name} is not valid", source=API) from None


def check_answer(name: str, document: Any) -> None:
    """Raise AssertionError where the client's model does not read all of what is about to be answered."""
    read = _plain(getattr(sdk, name).from_dict(document).to_dict())
    assert _has_all(read, document), f"{name}: the client reads {read}, not {document}"


def catalog_request(document: Any) -> dict[str, Any]:
    """Of POST catalogs: the catalog, wrapped in ``catalog`` or bare. Raise what a server answers to a wrong one."""
    body = document.get("catalog", document) if isinstance(document, dict) else {}
    name, storage, properties = body.get("name"), body.get("storageConfigInfo"), body.get("properties")
    if not isinstance(name, str) or not name or name.lower().lstrip().startswith("system$") or storage is None:
        raise error(400, "ResteasyReactiveViolationException", "createCatalog: the catalog is not valid")
    if storage.get("storageType") not in ("S3", "GCS", "AZURE", "FILE"):
        raise empty(400)
    if not isinstance(properties, dict) or not properties.get("default-base-location"):
        raise empty(400)
    found: dict[str, Any] = request("CreateCatalogRequest", {"catalog": body})["catalog"]
    return found


def named(document: Any, wrapper: str, model: str) -> dict[str, Any]:
    """Of what creates or assigns something that has a name: ``{wrapper: {"name": …}}``."""
    inner = document.get(wrapper) if isinstance(document, dict) else None
    name = inner.get("name") if isinstance(inner, dict) else None
    if not isinstance(name, str) or not name or name.lower().lstrip().startswith("system$"):
        raise error(400, "ResteasyReactiveViolationException", f"{wrapper} is not valid", source=SEEN)
    found: dict[str, Any] = request(model, document)[wrapper]
    return found


def _has_all(read: Any, document: Any) -> bool:
    """The client adds what it has defaults for, and must not leave anything out."""
    if isinstance(document, dict):
        return isinstance(read, dict) and all(_has_all(read.get(key), value) for key, value in document.items())
    if isinstance(document, list):
        return isinstance(read, list) and len(read) == len(document) and all(map(_has_all, read, document))
    return bool(read == document)


def _plain(value: Any) -> Any:
    """The client hides secrets from its own dictionaries."""
    if hasattr(value, "get_secret_value"):
        return value.get_secret_value()
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.value if hasattr(value, "value") else value
