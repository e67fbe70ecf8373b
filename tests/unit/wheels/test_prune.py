"""Pruning: what the patterns mean, and what the shipped rules take and leave."""

from __future__ import annotations

import re

import pytest

from floe_images.engine.assemble.prune import prune_rules, read_rules, translate

GENERAL = "some-package"


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("**/*.map", "a.map", True),
        ("**/*.map", "a/b/c.map", True),
        ("*.map", "a/c.map", False),
        ("a/**", "a/b/c", True),
        ("a/**", "a", False),
        ("a/*/c", "a/b/c", True),
        ("a/*/c", "a/b/b/c", False),
        ("**/{tests,test}/**", "tests/a.py", True),
        ("**/{tests,test}/**", "x/testing/a.py", False),
        ("a.{py,pyi}", "a.pyi", True),
        ("a.b", "axb", False),
        ("LICENSE{,.txt}", "LICENSE", True),
        ("a?c", "a/c", False),
    ],
)
def test_patterns(pattern: str, path: str, matches: bool) -> None:
    assert bool(re.fullmatch(translate(pattern), path)) is matches


@pytest.mark.parametrize(
    ("where", "package", "path", "rule"),
    [
        ("wheel", "pandas", "pandas/tests/test_x.py", "tests"),
        ("wheel", GENERAL, "some_package/tests/test_x.py", None),
        ("wheel", "dagster", "dagster/_utils/test/definitions.py", None),
        ("wheel", "dbt-adapters", "dbt/include/global_project/tests/generic/builtin.sql", None),
        ("wheel", "dbt-adapters", "dbt/include/global_project/macros/materializations/tests/test.sql", None),
        ("wheel", "pyarrow", "pyarrow/libarrow_flight.so.2600", "flight"),
        ("wheel", "pyarrow", "pyarrow/_flight.cpython-311-x86_64-linux-gnu.so", "flight"),
        ("wheel", "pyarrow", "pyarrow/libarrow_substrait.so.2600", None),
        ("wheel", "pyarrow", "pyarrow/libarrow_python.so", "twin-libraries"),
        ("wheel", "pyarrow", "pyarrow/libarrow_python.so.2600.1.0", "twin-libraries"),
        ("wheel", "pyarrow", "pyarrow/libarrow_python.so.2600", None),
        ("wheel", GENERAL, "some_package/include/x.h", "sources"),
        ("wheel", GENERAL, "some_package-1.0.dist-info/licenses/vendored.c", None),
        ("wheel", GENERAL, "some_package/py.typed", None),
        ("wheel", GENERAL, "some_package/__init__.pyi", None),
        ("wheel", "numpy", "numpy/__init__.pyi", "type-stubs"),
        ("wheel", "babel", "babel/locale-data/de.dat", "locales"),
        ("wheel", "babel", "babel/locale-data/en_US_POSIX.dat", None),
        ("wheel", "babel", "babel/global.dat", None),
        ("wheel", GENERAL, "some_package/static/app.js.map", "source-maps"),
        ("wheel", GENERAL, "some_package/__pycache__/a.cpython-311.pyc", "bytecode-of-others"),
        ("deb", "libssl3", "usr/share/doc/libssl3/changelog.gz", "deb-docs"),
        ("deb", "libssl3", "usr/share/doc/libssl3/copyright", None),
        ("deb", "libstdc++6", "usr/share/doc/libstdc++6", None),
        ("deb", "base-files", "usr/share/common-licenses/GPL-3", None),
        ("deb", "libc6", "usr/lib/aarch64-linux-gnu/gconv/BIG5.so", "deb-gconv"),
        ("deb", "libc-bin", "usr/lib/locale/C.utf8/LC_CTYPE", None),
        ("deb", "tzdata", "usr/share/zoneinfo/America/New_York", None),
        ("deb", "tzdata", "usr/share/zoneinfo/right/America/New_York", "deb-zoneinfo-twins"),
    ],
)
def test_what_the_shipped_rules_take(where: str, package: str, path: str, rule: str | None) -> None:
    found = prune_rules().pruner(where, package).rule_for(path)  # type: ignore[arg-type]
    assert (found.id if found else None) == rule


def test_each_rule_says_why_and_what_it_saves() -> None:
    rules = prune_rules().rules
    assert len({rule.id for rule in rules}) == len(rules)
    assert all(len(rule.reason) > 20 and rule.where in ("wheel", "deb") for rule in rules)
    assert sum(rule.saves for rule in rules) == pytest.approx(150, abs=15)


def test_the_digest_is_of_what_the_rules_do() -> None:
    text = '[[rule]]\nid = "a"\nwhere = "wheel"\nmatch = ["*.x"]\nreason = "one"\nsaves = 1.0\n'
    digest = read_rules(text.encode()).digest
    assert read_rules(text.replace('"one"', '"two"').encode()).digest == digest
    assert read_rules(text.replace("*.x", "*.y").encode()).digest != digest
