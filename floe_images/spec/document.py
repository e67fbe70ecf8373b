"""YAML 1.2 core as a tree of nodes with positions; what floe.yaml leaves out of YAML becomes findings.

PyYAML's scanner and parser make the events; resolving plain scalars is our own, because PyYAML follows YAML 1.1, where
``off`` is a boolean (https://yaml.org/spec/1.2.2/, chapter 10.3, *core schema*). Aliases are never expanded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from floe_images.spec.findings import Finding, Path, Position, path_text

if TYPE_CHECKING:
    from collections.abc import Iterator

LARGEST = 256 * 1024  # bytes; a generous floe.yaml has 10,000
DEEPEST = 32  # levels; the model has 6

_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_INFINITE = r"([-+]?)\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"  # rare, as is _OWN: compiled where one is met
_NULLS = ("", "~", "null", "Null", "NULL")
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_LONGEST_NUMBER = 40
#: What YAML does not allow in a stream (https://yaml.org/spec/1.2.2/, chapter 5.1).
CONTROL = r"[\x00-\x08\x0B\x0C\x0E-\x1F\x7F-\x84\x86-\x9F\uD800-\uDFFF\uFFFE\uFFFF]"
_SYNTAX = "check quotes, brackets, colons and the indentation around there"
_OWN = r"['\"](?:<[a-z ]+>|[][{},:?@`%&*!|>-])['\"]"  # what PyYAML quotes of YAML itself


@dataclass(frozen=True)
class Node:
    """``data`` is a str, int, float, bool, None, a dict of nodes or a tuple of nodes.

    ``text`` is a plain scalar's spelling (None for quoted scalars and collections), ``keys`` the positions of a
    mapping's keys; ``broken`` says that a finding has been made already and nothing else should be said about it.
    """

    data: Any
    at: Position
    text: str | None = None
    keys: dict[str, Position] = field(default_factory=dict)
    broken: bool = False

    def plain(self) -> Any:
        """The node as dicts, tuples and scalars."""
        if isinstance(self.data, dict):
            return {key: node.plain() for key, node in self.data.items()}
        if isinstance(self.data, tuple):
            return tuple(node.plain() for node in self.data)
        return self.data


@dataclass
class _Stop(Exception):  # noqa: N818  not an error: the finding is what counts
    finding: Finding


def parse(raw: bytes) -> tuple[Node | None, list[Finding]]:
    """Parse one document out of ``raw`` (UTF-8). None for the node means that nothing can be said about its content."""
    findings: list[Finding] = []
    try:
        return _Composer(_decode(raw), findings).document(), findings
    except _Stop as stop:
        return None, [*findings, stop.finding]


def _decode(raw: bytes) -> str:
    if len(raw) > LARGEST:
        raise _stop(
            (1, 1), f"is larger than {LARGEST // 1024} KiB", "take out what is no setting: a large one has 10 KiB"
        )
    if raw.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        raise _stop((1, 1), "begins with a byte order mark", "save it as UTF-8 without BOM")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        good = raw[: error.start].decode("utf-8")
        lines = good.split("\n")
        raise _stop((len(lines), len(lines[-1]) + 1), "is not UTF-8", "save it as UTF-8") from None


def _stop(at: Position, message: str, hint: str | None = None) -> _Stop:
    return _Stop(Finding(at=at, path="", message=message, hint=hint))


class _Composer:
    def __init__(self, text: str, findings: list[Finding]) -> None:
        self.findings = findings
        self.events = _events(text)

    def document(self) -> Node:
        next(self.events)  # the stream begins
        start = next(self.events)
        if type(start).__name__ == "StreamEndEvent":
            raise _stop((1, 1), "is empty", "`floe init` writes one to start from")
        if start.version not in (None, (1, 2)):
            self._find(start, "floe.yaml is YAML 1.2", "remove the %YAML line")
        node = self._node(next(self.events), ())
        next(self.events)  # the document ends
        after = next(self.events)
        if type(after).__name__ != "StreamEndEvent":
            self._find(after, "a second document begins here", "keep one document in the file")
        return node

    def _find(self, event: Any, message: str, hint: str | None = None, path: Path = ()) -> None:
        self.findings.append(Finding(at=_at(event), path=path_text(path), message=message, hint=hint))

    def _node(self, event: Any, path: Path) -> Node:
        if len(path) > DEEPEST:
            raise _stop(_at(event), f"is nested more than {DEEPEST} levels deep", "no key of floe.yaml is")
        kind = type(event).__name__
        if kind == "AliasEvent":
            self._find(event, "aliases are not part of floe.yaml", "write the value out", path)
            return Node(None, _at(event), broken=True)
        broken = self._refuse_properties(event, path)
        if kind == "ScalarEvent":
            return self._scalar(event, broken)
        if kind == "SequenceStartEvent":
            return self._sequence(event, path, broken)
        return self._mapping(event, path, broken)

    def _refuse_properties(self, event: Any, path: Path) -> bool:
        if event.anchor is not None:
            self._find(event, "anchors are not part of floe.yaml", "write the value out where it is used", path)
        if event.tag is not None:
            self._find(event, "tags are not part of floe.yaml", "remove the word that begins with !", path)
        return event.tag is not None

    def _scalar(self, event: Any, broken: bool) -> Node:
        if event.style is not None or broken:
            return Node(event.value, _at(event), broken=broken)
        return Node(resolve(event.value), _at(event), text=event.value)

    def _sequence(self, event: Any, path: Path, broken: bool) -> Node:
        items: list[Node] = []
        while type(inner := next(self.events)).__name__ != "SequenceEndEvent":
            items.append(self._node(inner, (*path, len(items))))
        return Node(tuple(items), _at(event), broken=broken)

    def _mapping(self, event: Any, path: Path, broken: bool) -> Node:
        entries: dict[str, Node] = {}
        keys: dict[str, Position] = {}
        while type(inner := next(self.events)).__name__ != "MappingEndEvent":
            key = self._node(inner, (*path, "?"))
            value = self._node(next(self.events), (*path, key.data if isinstance(key.data, str) else "?"))
            if key.broken:
                continue
            if not isinstance(key.data, str):
                self._find(inner, "a key must be a text", "put it in quotes" if key.text else None, path)
            elif key.data in entries:
                line = keys[key.data][0]
                hint = f"it is first on line {line}; keep one of the two"
                self._find(inner, "this key is there already", hint, (*path, key.data))
            else:
                entries[key.data] = value
                keys[key.data] = key.at
        return Node(entries, _at(event), keys=keys, broken=broken)


def resolve(text: str) -> Any:
    """The value of a plain scalar by YAML 1.2's core schema. Numbers of absurd length stay texts."""
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if len(text) > _LONGEST_NUMBER or text[0] not in "+-.0123456789":
        return text
    if _INT.fullmatch(text):
        return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
    if _FLOAT.fullmatch(text):
        return float(text)
    infinite = re.fullmatch(_INFINITE, text) if "." in text[:2] else None
    if infinite:
        return float("nan") if infinite[1] is None else float(infinite[1] + "inf")
    return text


def _at(event: Any) -> Position:
    return event.start_mark.line + 1, event.start_mark.column + 1


def _events(text: str) -> Iterator[Any]:
    import yaml
    from yaml.reader import ReaderError

    class Loader(yaml.SafeLoader):
        # PyYAML's own lists all that is allowed, and compiling that takes longer than reading floe.yaml.
        NON_PRINTABLE = re.compile(CONTROL)  # type: ignore[misc]

    try:
        yield from yaml.parse(text, Loader=Loader)
    except ReaderError as error:
        before = text[: error.position].split("\n")
        at = (len(before), len(before[-1]) + 1)
        raise _stop(at, "a control character is not allowed in YAML", "remove it") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        if mark and error.problem and "'\\t'" in error.problem:
            raise _stop(at, "a tab is not allowed here", "YAML is indented with spaces") from None
        raise _stop(at, f"is not YAML: {_problem(error)}", _SYNTAX) from None
    except (ValueError, IndexError, OverflowError):
        # PyYAML lets these escape for some escapes ("\UFFFFFFFF") and directives.
        raise _stop((1, 1), "is not YAML", _SYNTAX) from None


def _problem(error: Any) -> str:
    # A problem may quote what it found (an alias' name, a character); the text of a document is never repeated.
    text = str(error.problem or error.context or "it cannot be read")
    problem = re.sub(r"'[^']*'|\"[^\"]*\"", lambda quoted: quoted[0] if re.fullmatch(_OWN, quoted[0]) else "…", text)
    return " ".join(problem.split())[:120]
