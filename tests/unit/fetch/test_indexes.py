"""Which index wins: floe.yaml > UV_* > uv.toml > PIP_* > pip.conf > the default; and no credential is shown."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import pytest
from pypi_simple import PYPI_SIMPLE_ENDPOINT

from floe_images.engine.fetch import index_files
from floe_images.engine.fetch.certificates import certificate_files, make_bundle
from floe_images.engine.fetch.index_files import Named
from floe_images.engine.fetch.indexes import IndexSettings, find_indexes
from floe_images.engine.fetch.reach import find_reach
from floe_images.engine.store import Store
from floe_images.errors import MirrorRefusedError, UsageError
from floe_images.spec.image import Mirrors

OWN = Named(source="floe.yaml", where="image.mirrors.python", index="https://own.example/simple")
PEM = "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n"


@pytest.fixture(autouse=True)
def _a_machine_that_says_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(index_files, "_ETC", tmp_path / "etc")
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "prefix"))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    write(tmp_path / ".config/uv/uv.toml", 'index-url = "https://uvtoml.example/simple"\n')
    write(tmp_path / ".config/pip/pip.conf", "[global]\nindex-url = https://pipconf.example/simple\n")
    return tmp_path


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def environment(home: Path, **more: str) -> dict[str, str]:
    return {"HOME": str(home), "XDG_CONFIG_DIRS": str(home / "nowhere"), **more}


def test_precedence(home: Path) -> None:
    everything = {
        "UV_DEFAULT_INDEX": "https://uvdefault.example/simple",
        "UV_INDEX_URL": "https://uvurl.example/simple",
        "PIP_INDEX_URL": "https://pip.example/simple",
    }
    steps: list[tuple[Named | None, list[str], str, str]] = [
        (OWN, [], "https://own.example/simple", "floe.yaml"),
        (None, [], "https://uvdefault.example/simple", "UV_*"),
        (None, ["UV_DEFAULT_INDEX"], "https://uvurl.example/simple", "UV_*"),
        (None, ["UV_INDEX_URL"], "https://uvtoml.example/simple", "uv.toml"),
        (None, [".config/uv/uv.toml"], "https://pip.example/simple", "PIP_*"),
        (None, ["PIP_INDEX_URL"], "https://pipconf.example/simple", "pip.conf"),
        (None, [".config/pip/pip.conf"], PYPI_SIMPLE_ENDPOINT, "default"),
    ]
    for own, gone, url, source in steps:
        for name in gone:
            if name in everything:
                del everything[name]
            else:
                (home / name).unlink()
        found = find_indexes(own, environment(home, **everything))
        assert (found.index, found.source) == (url, source)


def test_nobody_below_the_winner_is_asked(home: Path) -> None:
    named = environment(
        home,
        UV_INDEX="https://extra-uv.example/simple",
        PIP_EXTRA_INDEX_URL="https://extra-pip.example/simple",
        PIP_FIND_LINKS="/srv/wheels",
    )
    assert find_indexes(OWN, named).pages == ("https://own.example/simple",)
    below = find_indexes(None, named)
    assert below.pages == ("https://extra-uv.example/simple", "https://uvtoml.example/simple")
    assert below.find_links == ()


def test_extras_and_links_of_pip(tmp_path: Path) -> None:
    found = find_indexes(
        None,
        environment(
            tmp_path,
            PIP_EXTRA_INDEX_URL="https://a.example/simple https://b.example/simple",
            PIP_FIND_LINKS="/srv/wheels https://links.example/page file:///srv/more",
        ),
    )
    assert found.extra == ("https://a.example/simple", "https://b.example/simple")
    assert found.index == PYPI_SIMPLE_ENDPOINT
    assert found.folders == (Path("/srv/wheels"), Path("/srv/more"))
    assert found.link_pages == ("https://links.example/page",)


def test_uv_toml_of_a_file_with_tables(tmp_path: Path) -> None:
    path = write(
        tmp_path / "x.toml",
        '[[index]]\nname = "corp-a"\nurl = "https://a.example/simple"\n'
        '[[index]]\nname = "corp.b"\nurl = "https://b.example/simple"\ndefault = true\n'
        '[[index]]\nname = "c"\nurl = "https://c.example/simple"\nexplicit = true\n',
    )
    named = environment(
        tmp_path, UV_CONFIG_FILE=str(path), UV_INDEX_CORP_B_USERNAME="joe", UV_INDEX_CORP_B_PASSWORD="hunter2"
    )
    found = find_indexes(None, named)
    assert found.pages == ("https://a.example/simple", "https://b.example/simple")
    assert found.where == str(path)
    (credential,) = found.credentials
    assert (credential.origin, credential.username, credential.password.reveal()) == (
        "https://b.example:443",
        "joe",
        "hunter2",
    )


def test_the_machines_files_come_last(tmp_path: Path) -> None:
    write(tmp_path / "etc/pip.conf", "[global]\nindex-url = https://etcpip.example/simple\n")
    assert find_indexes(None, environment(tmp_path)).index == "https://etcpip.example/simple"
    write(tmp_path / "prefix/pip.conf", "[global]\nindex-url = https://venv.example/simple\n")
    assert find_indexes(None, environment(tmp_path)).index == "https://venv.example/simple"
    write(tmp_path / "etc/uv/uv.toml", '[pip]\nindex-url = "https://etcuv.example/simple"\n')
    assert find_indexes(None, environment(tmp_path)).index == "https://etcuv.example/simple"
    assert find_indexes(None, environment(tmp_path, UV_NO_CONFIG="1")).index == "https://venv.example/simple"


def test_pips_config_file_wins_over_the_users(home: Path) -> None:
    (home / ".config/uv/uv.toml").unlink()
    chosen = write(home / "chosen.conf", "[install]\nindex-url = https://chosen.example/simple\ncert = /srv/ca.pem\n")
    found = find_indexes(None, environment(home, PIP_CONFIG_FILE=str(chosen)))
    assert (found.index, found.where, found.certificates) == (
        "https://chosen.example/simple",
        str(chosen),
        (Path("/srv/ca.pem"),),
    )


def test_credentials_leave_the_url_and_are_never_shown(tmp_path: Path) -> None:
    found = find_indexes(None, environment(tmp_path, PIP_INDEX_URL="https://joe:p%40ss%2Fw@m.example:8443/simple"))
    assert found.index == "https://m.example:8443/simple"
    (credential,) = found.credentials
    assert (credential.origin, credential.username) == ("https://m.example:8443", "joe")
    assert credential.password.reveal() == "p@ss/w"
    assert "p@ss" not in repr(found)
    assert "p%40ss" not in repr(found)


def test_no_index(tmp_path: Path) -> None:
    found = find_indexes(None, environment(tmp_path, PIP_NO_INDEX="1", PIP_FIND_LINKS=str(tmp_path)))
    assert found == IndexSettings(index=None, find_links=(str(tmp_path),), source="PIP_*", where="PIP_NO_INDEX")


@pytest.mark.parametrize(("name", "text"), [("UV_CONFIG_FILE", "index-url = ["), ("PIP_CONFIG_FILE", "index-url = x")])
def test_configuration_that_cannot_be_read(name: str, text: str, tmp_path: Path) -> None:
    path = write(tmp_path / "broken", text)
    with pytest.raises(UsageError) as caught:
        find_indexes(None, environment(tmp_path, **{name: str(path)}))
    assert caught.value.where == str(path)


@pytest.mark.parametrize("index", ["not a url", "https://", "https://joe:hunter2@[::1/simple", "ftp://host/simple"])
@pytest.mark.parametrize("name", ["UV_DEFAULT_INDEX", "PIP_INDEX_URL"])
def test_an_index_that_is_no_url_is_told_by_who_named_it(name: str, index: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="neither an http") as caught:
        find_indexes(None, environment(tmp_path, **{name: index}))
    assert caught.value.where == name
    assert "hunter2" not in f"{caught.value} {caught.value.hint}"


def test_certificates_are_merged(tmp_path: Path) -> None:
    own = write(tmp_path / "own.pem", PEM.format("T1dO"))
    named = write(tmp_path / "named.pem", PEM.format("TkFNRUQ="))
    pip = write(tmp_path / "pip.pem", PEM.format("UElQ"))
    files = certificate_files([own], [pip], {"SSL_CERT_FILE": str(named)})
    assert files == (own, named)
    assert certificate_files([own], [pip], {}) == (own, pip)
    bundle = make_bundle(files, Store(tmp_path / "cache"))
    assert bundle.parent == tmp_path / "cache/tmp"
    assert bundle.read_text() == PEM.format("T1dO") + PEM.format("TkFNRUQ=")
    assert len(certificate_files([own], [], {})) >= 2  # and the default authorities


def test_the_bundle_goes_elsewhere_where_the_cache_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    own = write(tmp_path / "own.pem", PEM.format("T1dO"))
    bundle = make_bundle([own], Store(own))
    assert bundle.parent == tmp_path / "tmp"
    assert bundle.read_text() == own.read_text()


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT", "CURL_CA_BUNDLE"])
def test_a_variable_that_names_no_certificate_file_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"{name} names a certificate file that is not there") as caught:
        certificate_files([], [], {name: str(tmp_path / "gone.pem")})
    assert caught.value.where == str(tmp_path / "gone.pem")
    assert certificate_files([], [tmp_path], {name: str(tmp_path)}) == (tmp_path,)  # a folder, as requests takes it
    there = write(tmp_path / "there.pem", PEM.format("T1dO"))
    assert certificate_files([], [], {"SSL_CERT_FILE": str(there), "PIP_CERT": "/gone"}) == (there,)


def test_a_certificate_file_without_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no certificate"):
        make_bundle([write(tmp_path / "empty.pem", "hello")], Store(tmp_path / "cache"))
    with pytest.raises(UsageError, match="no such certificate file"):
        find_reach(Mirrors(ca_certificates=("gone.pem",)), tmp_path, environment(tmp_path))


def test_mirror_credentials_come_from_where_floe_yaml_says(tmp_path: Path) -> None:
    mirrors = Mirrors.model_validate(
        {
            "python": {"url": "https://m.example/simple", "username": "joe", "password": {"env": "MIRROR_PASSWORD"}},
            "debian": {"url": "https://d.example/debian", "username": "ann", "password": {"secret": "debian"}},
        }
    )
    write(tmp_path / "secrets/debian", "s3cret\n")
    named = environment(tmp_path, MIRROR_PASSWORD="hunter2", FLOE_SECRETS_DIR=str(tmp_path / "secrets"))
    reach = find_reach(mirrors, tmp_path, named)
    found = {one.origin: (one.username, one.password.reveal()) for one in reach.http.settings.credentials}
    assert found == {"https://m.example:443": ("joe", "hunter2"), "https://d.example:443": ("ann", "s3cret")}
    del named["MIRROR_PASSWORD"]
    with pytest.raises(MirrorRefusedError, match="MIRROR_PASSWORD is not set"):
        find_reach(mirrors, tmp_path, named)
