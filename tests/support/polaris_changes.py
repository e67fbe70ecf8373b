"""What an empty Polaris lacks of the tests' floe.yaml, the writes that make it, and whether it then works."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from tests.support.polaris_double import Catalogs

CREATED = [
    "create the catalog lake at s3://lake/tables, S3",
    "create the role pipeline in the catalog lake",
    "grant CATALOG_MANAGE_CONTENT on the catalog lake to its role pipeline",
    "create the principal role shop-lake",
    "assign the role pipeline of the catalog lake to the principal role shop-lake",
    "create the principal shop-lake and write its credential to the secret lake-pipeline",
    "assign the principal role shop-lake to shop-lake",
]


WRITES = (
    ("POST", "/catalogs$"),
    ("POST", "/catalog-roles$"),
    ("PUT", "/grants$"),
    ("POST", "/principal-roles$"),
    ("PUT", "/catalog-roles/lake$"),
    ("POST", "/principals$"),
    ("PUT", "/principals/shop-lake/principal-roles$"),
)


def credential(catalogs: Catalogs, name: str = "lake-pipeline") -> str:
    text = (catalogs.secrets / name).read_text()
    assert re.fullmatch("[0-9a-f]{16}:[0-9a-f]{32}\n", text)
    return text.strip()


def works(catalogs: Catalogs) -> bool:
    """Whether the pipeline can make and drop a namespace with what is in its secret."""
    who = credential(catalogs)
    made = catalogs.polaris.ask("POST", "C/lake/namespaces", {"namespace": ["a"]}, who=who)
    return made.ok and catalogs.polaris.ask("DELETE", "C/lake/namespaces/a", who=who).ok


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)
