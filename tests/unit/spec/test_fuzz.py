"""Whatever stands in a floe.yaml: findings or a spec, never another exception, also through the command."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from floe_images.cli.console import TextConsole
from floe_images.cli.main import run
from floe_images.spec.load import check_text

FULL = (Path(__file__).parent / "full.yaml").read_bytes()
FAST = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))


def check(raw: bytes) -> None:
    loaded, findings = check_text(raw)
    assert (loaded is None) == bool(findings)
    for finding in findings:
        line, column = finding.at
        assert line >= 1
        assert column >= 1
        assert "\n" not in finding.render("floe.yaml")
        assert finding.render("floe.yaml").isprintable()


@FAST
@given(st.binary(max_size=300))
def test_bytes(raw: bytes) -> None:
    check(raw)


@FAST
@given(st.text(max_size=200))
def test_text(text: str) -> None:
    check(text.encode("utf-8", "surrogatepass"))


@FAST
@given(st.text(alphabet="{}[]:,-&*!|>'\"%@`#?\\ \n\tab1.~<=/xuU0", max_size=120))
def test_text_of_what_yaml_is_made_of(text: str) -> None:
    check(text.encode())


@FAST
@given(st.integers(0, len(FULL)), st.integers(0, 40), st.binary(max_size=20))
def test_a_damaged_document(start: int, length: int, patch: bytes) -> None:
    check(FULL[:start] + patch + FULL[start + length :])


def parts(value: Any) -> list[Any]:
    found = [value]
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        found += parts(inner)
    return found


def _full() -> Any:
    from floe_images.spec import document

    node, _ = document.parse(FULL)
    assert node is not None
    return json.loads(json.dumps(node.plain()))


KEYS = sorted({key for part in parts(_full()) if isinstance(part, dict) for key in part})
WORDS = [part for part in parts(_full()) if isinstance(part, str)]
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.sampled_from(WORDS))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=8,
)


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    """The full document with another value, or none, at one to three places."""
    data = _full()
    for _ in range(draw(st.integers(1, 3))):
        part = draw(st.sampled_from([part for part in parts(data) if isinstance(part, (dict, list)) and part]))
        key: Any = draw(st.sampled_from(sorted(part) if isinstance(part, dict) else range(len(part))))
        if draw(st.booleans()):
            part[key] = draw(VALUES)
        else:
            del part[key]
    return data


@FAST
@given(mutated())
def test_another_structure(data: Any) -> None:
    check(json.dumps(data).encode())


@FAST
@given(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=6))
def test_any_structure(data: dict[str, Any]) -> None:
    check(json.dumps({"version": "1.0", **data}).encode())


@settings(FAST, max_examples=40)
@given(st.one_of(st.binary(max_size=100), mutated().map(lambda data: json.dumps(data).encode())), st.booleans())
def test_through_the_command(tmp_path_factory: pytest.TempPathFactory, raw: bytes, as_json: bool) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "floe.yaml"
    path.write_bytes(raw)
    out, err = io.StringIO(), io.StringIO()
    code = run(["validate", "--file", str(path), *["--json"][: int(as_json)]], TextConsole(out, err))
    assert code in (0, 3)
    assert "Traceback" not in err.getvalue()
    if as_json:
        assert json.loads(out.getvalue())["valid"] is (code == 0)
