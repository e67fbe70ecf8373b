"""floe.lock as bytes: stable, readable, and nothing hostile gets through."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from floe_images.errors import LockFormatError
from floe_images.lock.codec import read_lock, write_lock
from floe_images.lock.reader import LOCK_LIMIT
from floe_images.lock.seal import seal
from tests.unit.lock.sample import sample

TEXT = write_lock(sample()).decode()


def test_what_is_written_reads_back() -> None:
    assert read_lock(TEXT.encode(), "floe.lock") == sample()


def test_a_file_is_one_line_and_the_end_is_a_newline() -> None:
    assert TEXT.endswith(" },\n]\n")
    row = (
        '  { platform = "linux/arm64", name = "duckdb-1.5.5-cp311-cp311-manylinux_2_28_aarch64.whl", '
        f'size = 3, sha256 = "{"d" * 64}" }},'
    )
    assert row in TEXT.splitlines()


def test_the_order_of_the_values_does_not_matter() -> None:
    lock = sample()
    shuffled = replace(
        lock,
        platforms=lock.platforms[::-1],
        wheels=lock.wheels[::-1],
        tools=lock.tools[::-1],
        debian=lock.debian[::-1],
    )
    assert write_lock(shuffled) == write_lock(lock)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("version = 1\n", "version = 2\n", "lock version 2"),
        ("version = 1\n", "version = true\n", "lock version True"),
        ("version = 1\n", "", "names no lock version"),
        ('"linux/amd64", "linux/arm64"]', '"linux/amd64", "windows/amd64"]', "unknown platform"),
        ('"linux/amd64", "linux/arm64"]', "]", "no platform"),
        ('python = "3.11"', 'python = "3.11; rm"', "python"),
        ('python = "3.11"', "python = 3.11", "float where str"),
        ("size = 3,", "size = -1,", "no size in bytes"),
        ("size = 3,", "size = true,", "bool where int"),
        ("size = 3,", f"size = {10**12},", "no size in bytes"),
        (f'sha256 = "{"a" * 64}"', f'sha256 = "{"A" * 64}"', "sha256"),
        (f'sha256 = "{"a" * 64}"', 'sha256 = "../../etc/passwd"', "sha256"),
        ("agate-1.9.1-py2.py3-none-any.whl", "../agate-1.9.1-py3-none-any.whl", "name"),
        ("agate-1.9.1-py2.py3-none-any.whl", "other-1.9.1-py3-none-any.whl", "is not a wheel of agate"),
        ("agate-1.9.1-py2.py3-none-any.whl", "agate-1.9.2-py2.py3-none-any.whl", "is not a wheel of agate 1.9.1"),
        ('name = "agate"\nversion = "1.9.1"', 'name = "agate"\nversion = "1.9.2"', "is not a wheel of agate 1.9.2"),
        ("manylinux_2_28_aarch64", "manylinux_2_28_x86_64", "is not a wheel for linux/arm64"),
        ("py2.py3-none-any.whl", "py3-none-manylinux_2_28_x86_64.whl", "is not a wheel for every platform"),
        ("libc6_2.36-9+deb12u9_amd64", "libc6_2.36-9+deb12u8_amd64", "is not libc6 1:2.36-9+deb12u9 for amd64"),
        ("libc6_2.36-9+deb12u9_amd64", "libc7_2.36-9+deb12u9_amd64", "is not libc6 1:2.36-9+deb12u9 for amd64"),
        ('architecture = "amd64"', 'architecture = "arm64"', "for arm64"),
        ("_amd64.deb", "_arm64.deb", "for amd64"),
        ("pool/main/g/glibc/libc6", "pool/main/../../libc6", "pool"),
        ("pool/main/g/glibc/libc6", "https://evil.example/libc6", "pool"),
        ('archive = "debian"', 'archive = "ubuntu"', "archive"),
        ('architecture = "arm64"', 'architecture = "armhf"', "architecture"),
        ('name = "libc6"', 'name = "Libc6; sh"', "name"),
        ('place = "/opt/floe', 'place = "/opt/../floe', "place"),
        ('place = "/opt/floe/data/flights.csv"', 'place = "/etc/passwd"', "place"),
        ("csv.zip!flights.csv", "csv.zip!../flights.csv", "member"),
        ('name = "agate"', 'name = "agate"\nextra = 1', "unknown key 'extra'"),
        ('name = "duckdb"\nversion = "1.5.5"', 'name = "agate"\nversion = "1.5.5"', "agate"),
        ("time = 2023-11-14T22:13:21Z", "time = 2023-11-14T22:13:21", "UTC"),
        ("time = 2023-11-14T22:13:21Z", "time = 9999-01-01T00:00:00Z", "the year 9999 is too far ahead"),
        ("time = 2023-11-14T22:13:21Z", "time = 2023-11-14T22:13:21+01:00", "UTC"),
        ('suite = "bookworm"\n', "", "debian.suite: is missing"),
        ("[[wheel]]", "[wheel]", "not readable as TOML"),
    ],
)
def test_what_no_lock_holds_is_refused(old: str, new: str, says: str) -> None:
    assert old in TEXT
    with pytest.raises(LockFormatError) as caught:
        read_lock(seal(TEXT.replace(old, new, 1).encode()), "floe.lock")
    assert says in caught.value.message
    assert caught.value.where == "floe.lock"
    assert caught.value.exit_code == 12


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('suite = "bookworm"', 'suite = "trixie"'),
        ("time = 2023", "time = 2024"),
        ('version = "1.9.1"', 'version = "1.9.2"'),
        (TEXT[TEXT.index("[[wheel]]") : TEXT.index("[[wheel]]", TEXT.index("[[wheel]]") + 1)], ""),
        ("do commit.", "do commit!"),
        (next(line for line in TEXT.splitlines(keepends=True) if line.startswith("content = ")), ""),
    ],
)
def test_an_edit_by_hand_is_noticed(old: str, new: str) -> None:
    assert old in TEXT
    with pytest.raises(LockFormatError, match=r"^floe\.lock: was edited by hand or badly merged$") as caught:
        read_lock(TEXT.replace(old, new, 1).encode(), "floe.lock")
    assert caught.value.hint == "restore it from version control, or delete it and run `floe lock`"


def test_line_ends_of_version_control_break_no_seal() -> None:
    assert read_lock(TEXT.replace("\n", "\r\n").encode(), "floe.lock") == sample()


def test_the_seal_is_the_sha256_of_all_other_lines() -> None:
    lines = TEXT.splitlines(keepends=True)
    rest = "".join(line for line in lines if not line.startswith("content = "))
    assert lines[3] == f'content = "{hashlib.sha256(rest.encode()).hexdigest()}"\n'
    assert seal(TEXT.encode()) == TEXT.encode()


@pytest.mark.parametrize("data", [b"", b" \n\n"])
def test_an_empty_lock_is_called_empty(data: bytes) -> None:
    with pytest.raises(LockFormatError, match=r"^floe\.lock: is empty$"):
        read_lock(data, "floe.lock")


def test_too_large_to_be_a_lock() -> None:
    with pytest.raises(LockFormatError, match="larger than"):
        read_lock(b"#" * (LOCK_LIMIT + 1), "floe.lock")


@pytest.mark.parametrize("data", [b"\xff\xfe", b"a = [[[[" + b"[" * 100_000, b"a = 1\na = 2\n", b""])
def test_no_toml(data: bytes) -> None:
    with pytest.raises(LockFormatError):
        read_lock(data, "floe.lock")


@settings(deadline=None)
@given(st.integers(0, len(TEXT) - 1), st.text(max_size=4))
def test_any_damage_reads_as_some_lock_or_is_refused(position: int, text: str) -> None:
    damaged = seal((TEXT[:position] + text + TEXT[position + 1 :]).encode("utf-8", "surrogatepass"))
    try:
        lock = read_lock(damaged, "floe.lock")
    except LockFormatError:
        return
    assert read_lock(write_lock(lock), "floe.lock") == lock


def test_writing_refuses_a_deb_whose_name_is_not_its_pools() -> None:
    lock = sample()
    (platform, (deb,)), other = lock.debian
    wrong = replace(deb, file=replace(deb.file, name="else.deb"))
    with pytest.raises(ValueError, match="pool"):
        write_lock(replace(lock, debian=((platform, (wrong,)), other)))
