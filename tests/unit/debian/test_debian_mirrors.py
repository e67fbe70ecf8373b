"""Where the archives are: floe.yaml, apt's sources in both styles, the default; and where a package may be had."""

from __future__ import annotations

from pathlib import Path

from floe_images.engine.resolve.debian_apt import apt_credentials, apt_sources
from floe_images.engine.resolve.debian_locate import package_urls
from floe_images.engine.resolve.debian_mirrors import DebianMirror, DebianMirrors, find_debian_mirrors

DEB822 = """\
# the company's mirror
Types: deb deb-src
URIs: https://apt.corp.test/debian/ https://apt2.corp.test/debian
Suites: bookworm bookworm-updates
Components: main contrib
Architectures: amd64 arm64
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Enabled: no
Types: deb
URIs: https://disabled.test/debian
Suites: bookworm
Components: main

Types: deb-src
URIs: https://source.test/debian
Suites: bookworm
Components: main
"""
ONE_LINE = """\
# deb http://comment.test/debian bookworm main
deb [arch=amd64,arm64 signed-by=/k/x.gpg] http://user:pa%40ss@one.test/debian-security bookworm-security main # x
deb https://download.docker.test/linux/debian bookworm stable
deb https://cloud.test/apt cloud-sdk-bookworm main
deb https://node.test/node nodistro main
deb https://pgdg.test/apt bookworm-pgdg main
deb cdrom:[Debian] bookworm main
deb ftp://old.test/debian bookworm main
broken line
deb-src http://source.test/debian bookworm main
"""


def _apt(root: Path, **files: str) -> Path:
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def _urls(mirrors: tuple[DebianMirror, ...]) -> list[str]:
    return [mirror.url for mirror in mirrors]


def test_sources_in_both_styles(tmp_path: Path) -> None:
    root = _apt(tmp_path, sources_list=ONE_LINE)
    _apt(root / "sources.list.d", corp_sources=DEB822, ignored_save=ONE_LINE, broken_sources="no field\n")
    mirrors = find_debian_mirrors(apt=root)
    assert _urls(mirrors.archive) == ["https://apt.corp.test/debian", "https://apt2.corp.test/debian"]
    assert _urls(mirrors.security) == ["http://one.test/debian-security"]
    assert mirrors.archive[0].found == str(root / "sources.list.d" / "corp.sources")
    assert mirrors.security[0].found == str(root / "sources.list")
    (credential,) = mirrors.credentials
    assert (credential.origin, credential.username) == ("http://one.test:80", "user")
    assert credential.password.reveal() == "pa@ss"
    assert "pa@ss" not in repr(mirrors)
    assert "pa%40ss" not in repr(mirrors)


def test_floe_yaml_wins_for_what_it_names_only(tmp_path: Path) -> None:
    root = _apt(tmp_path, sources_list="deb http://a.test/debian bookworm main\n" + ONE_LINE)
    mirrors = find_debian_mirrors(debian="https://mine.test/debian/", snapshot="https://snap.test", apt=root)
    assert mirrors.archive == (DebianMirror(url="https://mine.test/debian", found="floe.yaml: image.mirrors.debian"),)
    assert _urls(mirrors.security) == ["http://one.test/debian-security"]
    assert mirrors.snapshot == DebianMirror(url="https://snap.test", found="floe.yaml: image.mirrors.snapshot")


def test_without_apt_the_defaults(tmp_path: Path) -> None:
    mirrors = find_debian_mirrors(apt=tmp_path / "nosuch")
    assert mirrors == DebianMirrors(
        archive=(DebianMirror(url="http://ftp.debian.org/debian", found="floe's default"),),
        security=(DebianMirror(url="http://security.debian.org/debian-security", found="floe's default"),),
    )


def test_an_archive_that_apt_does_not_name_has_its_default(tmp_path: Path) -> None:
    mirrors = find_debian_mirrors(apt=_apt(tmp_path, sources_list="deb http://a.test/debian bookworm main\n"))
    assert _urls(mirrors.archive) == ["http://a.test/debian"]
    assert _urls(mirrors.security) == ["http://security.debian.org/debian-security"]


def test_this_releases_sources_come_first(tmp_path: Path) -> None:
    sources = (("t.test/debian", "trixie"), ("u.test/ubuntu", "noble"), ("b.test/debian", "bookworm"))
    text = "".join(f"deb http://{place} {suite} main\n" for place, suite in sources)
    assert _urls(find_debian_mirrors(apt=_apt(tmp_path, sources_list=text)).archive) == [
        "http://b.test/debian",
        "http://t.test/debian",
    ]


def test_mirror_lists_are_followed(tmp_path: Path) -> None:
    (tmp_path / "mirrors.txt").write_text("# first\nhttps://m1.test/debian\tpriority:1\nhttps://m2.test/debian\n")
    text = f"Types: deb\nURIs: mirror+file:{tmp_path}/mirrors.txt\nSuites: bookworm\nComponents: main\n"
    root = _apt(tmp_path / "apt" / "sources.list.d", debian_sources=text).parent
    assert [source.uri for source in apt_sources(root)] == ["https://m1.test/debian", "https://m2.test/debian"]


def test_credentials_of_apt(tmp_path: Path) -> None:
    _apt(
        tmp_path / "auth.conf.d",
        corp_conf="machine apt.test login bob password s3cret\n",
        z_conf="machine http://plain.test/debian login al password other\nmachine p.test:8443 login x password y\n",
    )
    urls = ("https://apt.test/debian", "http://apt.test/debian", "http://plain.test/debian", "http://plain.test/deb")
    found = apt_credentials((*urls, "https://p.test:8443/x", "https://p.test/x"), tmp_path)
    assert [(one.origin, one.username, one.password.reveal()) for one in found] == [
        ("https://apt.test:443", "bob", "s3cret"),
        ("http://plain.test:80", "al", "other"),
        ("https://p.test:8443", "x", "y"),
    ]


def test_where_a_package_may_be_had() -> None:
    mirrors = DebianMirrors(
        archive=(
            DebianMirror(url="http://a.test/debian", found=""),
            DebianMirror(url="http://b.test/debian", found=""),
        ),
        security=(DebianMirror(url="http://s.test/security", found=""),),
        snapshot=DebianMirror(url="https://snap.test", found=""),
    )
    pool = "pool/updates/main/t/tzdata/tzdata_1_all.deb"
    assert package_urls(mirrors, archive="debian-security", pool=pool, snapshot_time=1_790_000_000) == (
        f"http://s.test/security/{pool}",
        f"https://snap.test/archive/debian-security/20260921T141320Z/{pool}",
        f"https://snap.test/archive/debian-security/20260922T141320Z/{pool}",
    )
    assert package_urls(mirrors, archive="debian", pool="pool/main/a.deb", snapshot_time=0)[:2] == (
        "http://a.test/debian/pool/main/a.deb",
        "http://b.test/debian/pool/main/a.deb",
    )
