"""Load floe.yaml: bytes → nodes → model, with every finding at its position."""

from __future__ import annotations

import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from floe_images.errors import DiskError, SpecError, UsageError
from floe_images.spec import document
from floe_images.spec.findings import Finding, Position, path_text

if TYPE_CHECKING:
    from floe_images.spec.model import Spec

SPEC_FILE = "floe.yaml"


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A valid floe.yaml. ``base`` is the folder that its relative paths start from."""

    spec: Spec
    base: Path
    file: str
    root: document.Node = field(repr=False)

    def where(self, path: str) -> str:
        """``image.python`` → ``floe.yaml:7:11``; for what is not written there, the nearest part that is."""
        positions = _positions(self.root)
        while path and path not in positions:
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        line, column = positions.get(path, (1, 1))
        return f"{self.file}:{line}:{column}"


def load_spec(path: Path | str) -> Loaded:
    """Read and check the file of that path.

    Raises SpecError with all findings; UsageError where there is no such file; DiskError where it cannot be read.
    """
    if isinstance(path, str) and "\n" in path:
        raise UsageError("load_spec takes the path of a floe.yaml, and not its text", hint="write it to a file first")
    path = Path(path)
    loaded, findings = check_spec(path)
    if loaded is None:
        count = "a finding" if len(findings) == 1 else f"{len(findings)} findings"
        raise SpecError(f"{path} has {count}", findings=tuple(finding.render(str(path)) for finding in findings))
    return loaded


def check_spec(path: Path) -> tuple[Loaded | None, tuple[Finding, ...]]:
    """Like ``load_spec``, with the findings as values: either one is there or the other."""
    try:
        # Before it is opened: opening a pipe waits for somebody who writes.
        if not stat.S_ISREG(path.stat().st_mode):
            raise UsageError(f"{path} is not a file", hint="give the path of a floe.yaml to --file")
        with path.open("rb") as file:
            raw = file.read(document.LARGEST + 1)
    except FileNotFoundError:
        raise UsageError(f"there is no {path}", hint="`floe init` writes one; --file names another") from None
    except OSError as error:
        raise DiskError(f"cannot be read: {error.strerror}", where=str(path)) from None
    return check_text(raw, path)


def check_text(raw: bytes, path: Path = Path(SPEC_FILE)) -> tuple[Loaded | None, tuple[Finding, ...]]:
    """Check a floe.yaml's content; ``path`` is where it stands or would stand."""
    node, findings = document.parse(raw)
    if node is not None:
        spec, more = _check(node)
        findings += more
        if spec is not None and not findings:
            return Loaded(spec=spec, base=path.parent, file=str(path), root=node), ()
    # One root cause can be found from two sides; who reads wants each place once, from the top down.
    return None, tuple(sorted(set(findings), key=lambda finding: (finding.at, finding.path, finding.message)))


def _check(node: document.Node) -> tuple[Spec | None, list[Finding]]:
    from pydantic import ValidationError

    from floe_images.spec import checks
    from floe_images.spec.model import Spec
    from floe_images.spec.versions import other_version

    if not isinstance(node.data, dict):
        return None, [] if node.broken else [
            Finding(
                at=node.at,
                path="",
                message="must be a mapping of keys and values",
                hint="`floe init` writes one to start from",
            )
        ]
    version = other_version(node)
    if version is not None:
        return None, [version]
    data = node.plain()
    findings = checks.cross_check(node, data)
    try:
        return Spec.model_validate(data), findings
    except ValidationError as error:
        from floe_images.spec import explain

        return None, findings + explain.findings(error, node, data)


def _positions(root: document.Node) -> dict[str, Position]:
    found: dict[str, Position] = {}

    def walk(node: document.Node, path: tuple[Any, ...]) -> None:
        found[path_text(path)] = node.at
        if isinstance(node.data, dict):
            for key, inner in node.data.items():
                walk(inner, (*path, key))
        elif isinstance(node.data, tuple):
            for index, inner in enumerate(node.data):
                walk(inner, (*path, index))

    walk(root, ())
    return found
