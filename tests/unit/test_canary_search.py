"""The search for secrets finds a planted one in every form: the control of tests/runtime/test_silence_and_canary.py."""

from __future__ import annotations

import base64
import bz2
import gzip
import html
import io
import json
import lzma
import quopri
import sqlite3
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.canary import Search
from tests.support.watched import NEEDLE, secret

TEXT = f'{{"password": {json.dumps(secret("planted"))}, "rest": "{"words of the rest " * 9}"}}'.encode()


def _zip(data: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("first", b"first")
        archive.writestr("second", data)
    return made.getvalue()


def _tar(data: bytes) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        member = tarfile.TarInfo("name")
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))
    return made.getvalue()


FORMS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "capitals": bytes.upper,
    "utf-16-le": lambda data: data.decode().encode("utf-16-le"),
    "utf-16-be": lambda data: data.decode().encode("utf-16-be"),
    "hex": lambda data: data.hex().encode(),
    "HEX": lambda data: data.hex().upper().encode(),
    "percent": lambda data: "".join(f"%{each:02X}" for each in data).encode(),
    "json": lambda data: "".join(f"\\u{each:04x}" for each in data).encode(),
    "repr": lambda data: "".join(f"\\x{each:02x}" for each in data).encode(),
    "html": lambda data: "".join(f"&#{each};" for each in data).encode(),
    "html hex": lambda data: "".join(f"&#x{each:x};" for each in data).encode(),
    "html words": lambda data: html.escape(data.decode()).encode(),
    "base64 0": base64.b64encode,
    "base64 1": lambda data: base64.b64encode(b"." + data),
    "base64 2": lambda data: base64.b64encode(b".." + data),
    "base64 of utf-16": lambda data: base64.b64encode(b"." + data.decode().encode("utf-16-le")),
    "base64 for addresses": lambda data: base64.urlsafe_b64encode(data),
    "base64 in lines": base64.encodebytes,
    "quoted-printable": lambda data: quopri.encodestring(b"x" * 60 + data),
    "gzip": gzip.compress,
    "zlib": zlib.compress,
    "zip": _zip,
    "tar": _tar,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "gzip in base64 in json": lambda data: json.dumps({"run": base64.b64encode(gzip.compress(data)).decode()}).encode(),
    "zlib in hex": lambda data: zlib.compress(data).hex().encode(),
    "gzip in a zip": lambda data: _zip(gzip.compress(data)),
    "base64 in gzip": lambda data: gzip.compress(base64.b64encode(b".." + data)),
    "a byte between eight": lambda data: b"\0".join(data[at : at + 8] for at in range(0, len(data), 8)),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_planted_secret_is_found(form: str, tmp_path: Path) -> None:
    clean, dirty = tmp_path / "clean", tmp_path / "dirty"
    around = bytes(range(256)) * 20
    harmless = TEXT.replace(NEEDLE.encode(), b"a-word-again")
    clean.write_bytes(around + FORMS[form](harmless) + around)
    dirty.write_bytes(around + FORMS[form](TEXT) + around)
    search = Search([NEEDLE])
    search.folder(tmp_path)
    assert {path for _, _, path in search.found} == {str(dirty)}


def test_the_name_of_a_file_and_of_a_link(tmp_path: Path) -> None:
    (tmp_path / f"x-{NEEDLE}").mkdir()
    (tmp_path / "link").symlink_to(f"/nowhere/{NEEDLE}")
    search = Search([NEEDLE])
    search.folder(tmp_path)
    assert [where.split(str(tmp_path))[0] for _, _, where in search.found] == ["the link ", "the name of "]


@pytest.mark.parametrize("journal", ["wal", "delete"])
@pytest.mark.parametrize("deleted", [True, False])
def test_a_row_of_sqlite_over_several_pages(journal: str, deleted: bool, tmp_path: Path) -> None:
    """Wherever the break between two pages falls: each of these rows has the secret at another place."""
    for at in range(4055, 4105, 7):
        file = tmp_path / f"{at}.db"
        with sqlite3.connect(file) as database:
            database.execute(f"pragma journal_mode = {journal}")
            database.execute("pragma secure_delete = off")  # Debian's SQLite overwrites what is deleted
            database.execute("create table t (x text)")
            database.execute("insert into t values (?)", ("a" * 9000,))
            database.execute("insert into t values (?)", ("b" * (at + 4000) + NEEDLE + "c" * 5000,))
            database.commit()
            if deleted:
                database.execute("delete from t where x like 'b%'")
                database.commit()
            search = Search([NEEDLE])
            search.folder(tmp_path)
        database.close()
        assert any(file.name in where for _, _, where in search.found), at
        for each in tmp_path.iterdir():
            each.unlink()
