"""Pydantic's errors → findings: position, path, a sentence, a hint. No value of the document is repeated."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

from floe_images.spec.document import Node
from floe_images.spec.findings import Finding, Path, Position, path_text
from floe_images.spec.model import Spec
from floe_images.spec.unions import Part
from floe_images.spec.values import PATTERN_WORDS, Strict
from floe_images.spec.versions import SUPPORTED_VERSIONS

if TYPE_CHECKING:
    from pydantic import ValidationError

_KINDS = {
    "string_type": "a text",
    "string_unicode": "a text of whole characters",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "tuple_type": "a list",
}
_BOUNDS = {"greater_than_equal": "at least {ge}", "less_than_equal": "at most {le}", "greater_than": "more than {gt}"}
_BOUNDS["less_than"] = "less than {lt}"
_QUOTABLE = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){0,2}")


def findings(error: ValidationError, root: Node, data: Any) -> list[Finding]:
    """One finding for each error, but for places where something more basic has been found already."""
    found = []
    for one in error.errors(include_url=False, include_input=False):
        kind = one["type"]
        path, node, at = _locate(root, one["loc"], kind)
        # Items that have findings do not count in pydantic, and then a list of them is "too short" as well.
        if node is None or (kind == "too_short" and node.data):
            continue
        ctx = one.get("ctx") or {}
        message, hint = _explain(kind, one["msg"], ctx, node, path, data)
        if kind in ("missing_word", "wrong_word"):
            path = (*path, ctx["key"])
        if kind == "wrong_word":
            if node.data[ctx["key"]].broken:
                continue
            at = node.data[ctx["key"]].at
        found.append(Finding(at=at, path=path_text(path), message=message, hint=hint or _about(path, data)))
    return found


def _about(path: Path, data: Any) -> str:
    """What the model says about the nearest key: where a sentence names no way out, it shows what belongs there."""
    while path:
        with contextlib.suppress(KeyError, IndexError, TypeError, AttributeError, StopIteration):
            if words := _description(path, data):
                return f"{path[-1]}: {words}"
        path = path[:-1]
    return "`floe schema` describes every key"


def refusal(kind: Any, value: str) -> str | None:
    """Why ``kind``, a type of floe.yaml, does not take a text that was given elsewhere; None where it does."""
    from pydantic import TypeAdapter, ValidationError

    try:
        TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        one = error.errors(include_url=False, include_input=False)[0]
        return _explain(one["type"], one["msg"], one.get("ctx") or {}, Node(value, (1, 1)), (), None)[0]
    return None


def _locate(root: Node, loc: tuple[Any, ...], kind: str) -> tuple[Path, Node | None, Position]:
    """The path in the document, the node there (a missing key's mapping; None below a broken node), and the position.

    What is said about a key, or about what a mapping lacks, stands at the key.
    """
    missing = kind in ("missing", "missing_word")
    at_key = missing or kind == "extra_forbidden" or loc[-1:] == ("[key]",)
    path: Path = ()
    node, at = root, root.at
    for element in loc:
        inner = None
        if isinstance(node.data, dict):
            inner = node.data.get(element)
        elif isinstance(node.data, tuple) and isinstance(element, int) and element < len(node.data):
            inner = node.data[element]
        if node.broken or inner is None:
            path = (*path, element) if missing else path
            break
        path, at = (*path, element), node.keys.get(element, inner.at) if at_key else inner.at
        node = inner
    return path, None if node.broken else node, at


def _explain(kind: str, text: str, ctx: dict[str, Any], node: Node, path: Path, data: Any) -> tuple[str, str | None]:
    if kind == "missing":
        if path == ("version",):
            return "is missing", f'add version: "{SUPPORTED_VERSIONS[-1]}"'
        return "is missing", f"add {path[-1]}: {_description(path, data)}"
    if kind == "missing_word":
        return "is missing", _one_of(ctx["words"])
    if kind == "wrong_word":
        return "is not known", _suggest(node.data[ctx["key"]].data, ctx["words"])
    if kind == "enum_word":
        return "is not known", _suggest(node.data, ctx["words"])
    if kind == "literal_error":
        return _explain_literal(node, path, re.findall(r"'([^']*)'", ctx["expected"]))
    if kind == "extra_forbidden":
        return "is not a key here", _suggest(path[-1], _keys_at(path[:-1], data))
    if kind == "string_pattern_mismatch":
        return f"must be {PATTERN_WORDS.get(ctx['pattern'], 'another text')}", None
    if node.data is None and node.text is not None and kind in (*_KINDS, "setting", "plain_secret", "off_or_mapping"):
        return "is empty", "give it a value, or remove the key"
    if kind in _KINDS:
        return f"must be {_KINDS[kind]}", _way(kind, node)
    if kind == "setting" and node.text is not None:
        return text, "put it in quotes"
    if kind in _BOUNDS:
        return f"must be {_BOUNDS[kind].format(**ctx)}", None
    if kind in ("too_short", "string_too_short"):
        return "must not be empty", None
    if kind in ("too_long", "string_too_long"):
        return f"is longer than {ctx['max_length']}", None
    # Our own sentences begin with a small letter; pydantic's are about Python's types.
    return "is not allowed here" if text[:1].isupper() else text, None


def _way(kind: str, node: Node) -> str | None:
    """How what is asked for is written in YAML."""
    if kind == "string_type":
        return "put it in quotes" if node.text is not None else "write one text"
    if _KINDS[kind] == "a mapping":
        return "write {key: value}, or each key on an indented line of its own"
    if _KINDS[kind] == "a list":
        return "write [item, …], or each item on a line that begins with -"
    return None


def _description(path: Path, data: Any) -> str:
    """What the model says about a key that is missing."""
    kind: Any = Spec
    for element in path[:-1]:
        data = data[element]
        kind = _kind_of(_inner(kind, element), data)
    infos = {info.alias or name: info for name, info in kind.model_fields.items()}
    return (infos[str(path[-1])].description or "").rstrip(".")


def _explain_literal(node: Node, path: Path, words: list[str]) -> tuple[str, str | None]:
    if isinstance(node.data, str):
        if path and path[-1] == "table_format":
            return "must be iceberg", "Delta tables cannot be read through the Iceberg catalogs that floe uses"
        if path == ("image", "python"):
            return f'must be "{words[0]}", the Python that Debian bookworm carries', None
        return "is not known", _suggest(node.data, words)
    if isinstance(node.data, (int, float)) and node.text is not None and _QUOTABLE.fullmatch(node.text):
        right = node.text in words
        says = f'write {path[-1]}: "{node.text}"' if right else f'write {path[-1]}: "{words[0]}"'
        return "is a number here, and must be a text in quotes", says
    return "must be a text", _one_of(words)


def _one_of(words: Iterable[str]) -> str:
    return "one of: " + ", ".join(words)


def _suggest(wrong: object, words: Iterable[str]) -> str:
    """``did you mean …?``, or all of them where nothing is near."""
    from difflib import get_close_matches

    words = list(words)
    near = get_close_matches(str(wrong)[:64].lower().replace("-", "_"), words, n=1, cutoff=0.6)
    return f"did you mean {near[0]}?" if near else _one_of(words)


def _keys_at(path: Path, data: Any) -> list[str]:
    """The keys that the model knows at a path of the document."""
    kind: Any = Spec
    for element in path:
        data = data[element]
        kind = _kind_of(_inner(kind, element), data)
    return list(_fields(kind))


def _fields(model: type[Strict]) -> dict[str, Any]:
    """What the fields hold, by the keys that floe.yaml has for them: a type, or the union that tells it."""
    found = {}
    for name, info in model.model_fields.items():
        union = next((extra for extra in info.metadata if isinstance(extra, Part)), None)
        found[info.alias or name] = union or info.annotation
    return found


def _inner(kind: Any, element: str | int) -> Any:
    if isinstance(kind, type) and issubclass(kind, Strict):
        return _fields(kind)[str(element)]
    return get_args(kind)[1 if get_origin(kind) is dict else 0]


def _kind_of(kind: Any, data: Any) -> Any:
    """The model that is meant where ``data`` is a mapping, or the container's type."""
    if isinstance(kind, Part):
        return kind.pick(data)
    if get_origin(kind) is Annotated:
        return _kind_of(next((extra for extra in kind.__metadata__ if isinstance(extra, Part)), kind.__origin__), data)
    if get_origin(kind) in (Union, UnionType):
        kinds = (_kind_of(one, data) for one in get_args(kind) if one is not type(None))
        return next(one for one in kinds if get_origin(one) is not Literal)
    return kind
