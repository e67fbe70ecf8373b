"""One line an event, whatever is in it."""

from __future__ import annotations

import io
import json
import logging
import re
import warnings
from collections.abc import Iterator

import pytest

from floe_images.runtime import log


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level, hidden = root.handlers[:], root.level, set(log._hidden)
    yield io.StringIO()
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(level)
    log._hidden.clear()
    log._hidden.update(hidden)


def test_text_has_time_level_role_and_logger(stream: io.StringIO) -> None:
    log.set_up("daemon", {}, stream=stream)
    logging.getLogger("dagster.daemon").info("\x1b[32mtwo\x1b[0m\nlines\n")
    line = stream.getvalue()
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z info    daemon dagster\.daemon: two \| lines\n", line
    ), line


def test_json_is_one_document_a_line(stream: io.StringIO) -> None:
    log.set_up("webserver", {"FLOE_LOG": "json"}, stream=stream)
    logger = logging.getLogger("floe")
    logger.info("first\nsecond")
    try:
        raise ValueError("why")
    except ValueError:
        logger.exception("failed")
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert {name: first[name] for name in ("level", "role", "logger", "message")} == {
        "level": "info",
        "role": "webserver",
        "logger": "floe",
        "message": "first | second",
    }
    assert second["exception"].startswith("Traceback (most recent call last): | ")
    assert second["exception"].endswith("ValueError: why")


def test_secrets_and_credentials_are_blotted_out_wherever_they_are(stream: io.StringIO) -> None:
    log.set_up("daemon", {}, stream=stream)
    log.hide("c4n4ry")
    log.hide("a")  # this short, it would blot out words
    try:
        raise OSError("password c4n4ry refused")
    except OSError:
        logging.getLogger("x").exception("at %s", "postgres://floe:other@db:5432/x")
    text = stream.getvalue()
    assert "c4n4ry" not in text
    assert "other" not in text
    assert "password *** refused" in text
    assert "at postgres://***@db:5432/x" in text


def test_chatter_of_libraries_is_left_out_and_warnings_are_not(stream: io.StringIO) -> None:
    log.set_up("daemon", {}, stream=stream)
    logging.getLogger("alembic.runtime.migration").info("Context impl SQLiteImpl.")
    logging.getLogger("uvicorn.error").info("Started server process")
    assert stream.getvalue() == ""
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old ways", DeprecationWarning, stacklevel=1)
    assert stream.getvalue().count("\n") == 1
    assert "DeprecationWarning: old ways" in stream.getvalue()
