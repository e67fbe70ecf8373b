"""The proving grounds themselves: what the mirror and the namespaces do before floe is proven with them."""

from __future__ import annotations

import hashlib
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.support.mirror import Asked, Mirror
from tests.support.mirror_tls import make_tls
from tests.support.netns import Island, island, run_without_network

HOST = "mirror.corp.example"


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    folder = tmp_path / "wheels"
    folder.mkdir()
    with zipfile.ZipFile(folder / "tiny_thing-1.2-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tiny_thing.py", "VALUE = 42\n" * 50)
        wheel.writestr("tiny_thing-1.2.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny-thing\nVersion: 1.2\n")
        wheel.writestr(
            "tiny_thing-1.2.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr("tiny_thing-1.2.dist-info/RECORD", "")
    return folder


@pytest.fixture
def land() -> Iterator[Island]:
    with island(HOST) as found:
        yield found


def test_uv_resolves_through_tls_and_credentials_and_asks_nobody_else(
    wheels: Path, land: Island, tmp_path: Path
) -> None:
    tls = make_tls(tmp_path / "tls", HOST)
    mirror = Mirror(folders=(wheels,), user=("bot", "s3cret/word"), tls=tls, host=HOST)
    with mirror.serving(land.listen()):
        uv = Path(sys.executable).with_name("uv")
        wanted = tmp_path / "requirements.in"
        wanted.write_text("tiny-thing\n")
        command = [uv, "pip", "compile", wanted, "--no-config", "--generate-hashes", "--cache-dir", tmp_path / "cache"]
        done = land.run(
            command,
            env={"UV_DEFAULT_INDEX": mirror.url("simple", credentials=True), "SSL_CERT_FILE": str(tls.authority)},
        )
    digest = hashlib.sha256((wheels / "tiny_thing-1.2-py3-none-any.whl").read_bytes()).hexdigest()
    assert done.returncode == 0, done.stderr
    assert "tiny-thing==1.2" in done.stdout
    assert digest in done.stdout
    assert Asked(path="simple/tiny-thing/", user="bot", status=200) in mirror.asked
    assert (land.packets, land.questions) == ([], [])


def test_the_island_records_who_was_called(land: Island) -> None:
    code = """
import socket
for address in (("198.51.100.7", 443), ("192.0.2.77", 80)):
    with socket.socket() as one:
        one.settimeout(0.3)
        try: one.connect(address)
        except OSError: pass
try: socket.getaddrinfo("telemetry.example.org", 443)
except OSError: print("no such name")
"""
    done = land.run([sys.executable, "-c", code])
    assert done.stdout == "no such name\n", done.stderr
    assert "198.51.100.7:443/tcp" in land.packets
    assert "192.0.2.77/arp" in land.packets
    assert "telemetry.example.org" in land.questions


def test_without_network_not_even_this_machine_answers() -> None:
    code = "import socket; socket.create_connection(('127.0.0.1', 9), 1)"
    assert "Network is unreachable" in run_without_network([sys.executable, "-c", code]).stderr


def test_wrong_credentials_are_refused_and_recorded(wheels: Path) -> None:
    with Mirror(folders=(wheels,), user=("bot", "right")).serving() as mirror:
        assert requests.get(mirror.url("simple/tiny-thing/"), auth=("bot", "wrong")).status_code == 401
        assert requests.get(mirror.url("simple/tiny-thing/"), auth=("bot", "right")).status_code == 200
    assert [(asked.user, asked.status) for asked in mirror.asked] == [("bot", 401), ("bot", 200)]


def test_each_fault_does_what_it_says(wheels: Path) -> None:
    with Mirror(folders=(wheels,)).serving() as mirror:
        page = requests.get(
            mirror.url("simple/tiny-thing/"), headers={"Accept": "application/vnd.pypi.simple.v1+json"}
        ).json()
        url = mirror.url("simple/tiny-thing/") + page["files"][0]["url"]
        good = requests.get(url).content
        assert hashlib.sha256(good).hexdigest() == page["files"][0]["hashes"]["sha256"]
        assert requests.get(url, headers={"Range": "bytes=10-"}).content == good[10:]
        mirror.fault("files/", "wrong", times=1)
        wrong = requests.get(url).content
        assert (len(wrong), sum(a != b for a, b in zip(wrong, good, strict=True))) == (len(good), 1)
        mirror.fault("files/", "truncate", times=1)
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            requests.get(url)
        mirror.fault("files/", "500", times=1)
        assert requests.get(url).status_code == 500
        mirror.fault("files/", "hang-up", times=1)
        with pytest.raises(requests.exceptions.ConnectionError):
            requests.get(url)
        mirror.fault("files/", change=bytes.upper, times=1)
        assert requests.get(url).content == good.upper()
        assert requests.get(url).content == good
        assert f'#sha256={page["files"][0]["hashes"]["sha256"]}"' in requests.get(mirror.url("simple/tiny-thing/")).text
        assert requests.get(mirror.url("simple/absent/")).status_code == 404
