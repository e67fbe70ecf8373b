"""What is said about the Python index when it, and not what was asked of it, may be what is wrong."""

from __future__ import annotations

import re
from collections.abc import Sequence

from floe_images.engine.fetch.http import Http
from floe_images.engine.fetch.indexes import IndexSettings
from floe_images.engine.fetch.proxy import proxy_words
from floe_images.engine.fetch.simple import PythonIndex
from floe_images.engine.redact import redact_url
from floe_images.errors import MirrorContentError

_ASKED = 3  # requirements: an index that has none of them is none
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def index_words(index: IndexSettings) -> str:
    """``the index is https://host/simple (UV_DEFAULT_INDEX)``, and the proxy where there is one."""
    if not index.index:
        return ""
    words = f"the index is {redact_url(index.index)} ({index.where})"
    proxy = proxy_words(index.index)
    return f"{words}, {proxy}" if proxy else words


def no_index(requirements: Sequence[str], index: IndexSettings, http: Http) -> MirrorContentError | None:
    """The error where whatever answers has none of the first requirements (PEP 508 lines); None where it has one.

    Raises the leaves for mirrors.
    """
    from packaging.utils import canonicalize_name

    found = (_NAME.match(line) for line in requirements)
    names = [canonicalize_name(match[0]) for match in found if match][:_ASKED]
    asked = PythonIndex(http, index)
    if not names or not index.index or any(asked.files(name) for name in names):
        return None
    return MirrorContentError(
        f"has none of {', '.join(names)}: it looks like no package index",
        where=redact_url(index.index),
        hint=f"check its URL; {index_words(index)}",
    )
