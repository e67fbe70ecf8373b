"""What no run needs and is left out of an image: the rules of ``data/prune.toml`` as values."""

from __future__ import annotations

import functools
import hashlib
import re
import sys
from dataclasses import dataclass
from importlib import resources
from typing import Literal

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Where = Literal["wheel", "deb"]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """``match``, ``keep`` are glob patterns (see ``data/prune.toml``); ``saves`` in MB (10⁶ bytes)."""

    id: str
    where: Where
    match: tuple[str, ...]
    keep: tuple[str, ...]
    only: tuple[str, ...]
    reason: str
    saves: float


@dataclass(frozen=True, kw_only=True)
class Pruner:
    """The rules that apply to one package, in the file's order."""

    rules: tuple[tuple[Rule, re.Pattern[str], re.Pattern[str] | None], ...]

    def rule_for(self, path: str) -> Rule | None:
        """The first rule that leaves ``path`` out; None: it stays."""
        for rule, match, keep in self.rules:
            if match.fullmatch(path) and not (keep and keep.fullmatch(path)):
                return rule
        return None


@dataclass(frozen=True, kw_only=True)
class PruneRules:
    """``digest`` is the sha256 (hex) of the rules: it belongs in the key of whatever they were applied to."""

    rules: tuple[Rule, ...]
    digest: str

    def pruner(self, where: Where, package: str) -> Pruner:
        """``package`` is a normalized distribution name or a Debian package's name."""
        return Pruner(
            rules=tuple(
                (rule, _compile(rule.match), _compile(rule.keep) if rule.keep else None)
                for rule in self.rules
                if rule.where == where and (not rule.only or package in rule.only)
            )
        )


@functools.cache
def prune_rules() -> PruneRules:
    """The shipped rules, read once."""
    return read_rules(resources.files("floe_images").joinpath("data/prune.toml").read_bytes())


def read_rules(data: bytes) -> PruneRules:
    """Parse the rules file. It is ours: a fault in it is a bug (KeyError, ValueError)."""
    rules = tuple(
        Rule(
            id=entry["id"],
            where=entry["where"],
            match=tuple(entry["match"]),
            keep=tuple(entry.get("keep", ())),
            only=tuple(entry.get("only", ())),
            reason=entry["reason"],
            saves=float(entry["saves"]),
        )
        for entry in tomllib.loads(data.decode()).get("rule", ())
    )
    # Reasons and figures may be reworded without rebuilding every image.
    effective = repr([(rule.where, rule.match, rule.keep, rule.only) for rule in rules])
    return PruneRules(rules=rules, digest=hashlib.sha256(effective.encode()).hexdigest())


@functools.cache
def _compile(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(translate(pattern) for pattern in patterns), re.DOTALL)


def translate(pattern: str) -> str:
    """A glob pattern as a regular expression for ``fullmatch``: ``**/`` is any number of folders, also none."""
    out = []
    for piece in re.findall(r"\*\*/|\*\*|\*|\?|\{[^{}]*\}|[^*?{}]+", pattern):
        if piece == "**/":
            out.append("(?:[^/]+/)*")
        elif piece == "**":
            out.append(".*")
        elif piece == "*":
            out.append("[^/]*")
        elif piece == "?":
            out.append("[^/]")
        elif piece.startswith("{"):
            out.append("(?:" + "|".join(re.escape(word) for word in piece[1:-1].split(",")) + ")")
        else:
            out.append(re.escape(piece))
    return "(?:" + "".join(out) + ")"
