"""YAML as floe.yaml has it, beside PyYAML."""

from __future__ import annotations

import re

from yaml.reader import Reader

from floe_images.spec.document import CONTROL


def test_what_yaml_does_not_allow_is_what_pyyaml_does_not_allow() -> None:
    """``document`` has an expression of its own, which says the same the other way round."""
    every = [chr(number) for number in range(0x110000)]
    refused = re.compile(CONTROL)
    assert [c for c in every if bool(refused.search(c)) != bool(Reader.NON_PRINTABLE.search(c))] == []
    assert sum(bool(refused.search(c)) for c in every) > 2_000
