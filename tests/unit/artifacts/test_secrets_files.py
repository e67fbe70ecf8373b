"""What lies in place of a secret's file: it is read, or it is said what is wrong with it; nothing is waited for."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from floe_images.artifacts.model import Reference
from floe_images.artifacts.secrets import find, look_up
from floe_images.errors import ProjectError


def found(folder: Path, kind: str = "secret") -> str:
    reference = Reference(kind=kind, name="pw")  # type: ignore[arg-type]
    return find(reference, setting="targets.p.password", environ={"pw": "of the environment"}, folder=folder)


@pytest.mark.parametrize("text", ["value", "value\n", "value\r\n"])
def test_a_file_without_its_line_break(tmp_path: Path, text: str) -> None:
    (tmp_path / "pw").write_bytes(text.encode())
    assert found(tmp_path) == found(tmp_path, "env") == "value"


def test_without_a_file(tmp_path: Path) -> None:
    assert (found(tmp_path), found(tmp_path, "env")) == ("", "of the environment")
    with pytest.raises(ProjectError, match=r"targets.p.password needs the secret pw, which is not there"):
        look_up(Reference(kind="secret", name="pw"), setting="targets.p.password", environ={}, folder=tmp_path)


@pytest.mark.parametrize(
    ("put", "why"),
    [
        (os.mkfifo, "it is no file"),
        (lambda path: path.mkdir(), "Is a directory"),
        (lambda path: path.write_bytes(b"\xff\xfe"), "not UTF-8 text"),
        (lambda path: path.write_bytes(b"x" * ((1 << 20) + 1)), "it is larger than 1024 KiB"),
    ],
)
def test_what_is_no_secret(tmp_path: Path, put: Callable[[Path], object], why: str) -> None:
    put(tmp_path / "pw")
    with pytest.raises(ProjectError) as caught:
        found(tmp_path)
    assert caught.value.message == f"the secret pw of targets.p.password cannot be read: {why}"
    assert (caught.value.where, bool(caught.value.hint)) == (str(tmp_path / "pw"), True)
