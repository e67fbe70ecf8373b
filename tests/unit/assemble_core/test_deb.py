from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from floe_images.engine.assemble.deb import deb_entries, deb_key
from floe_images.engine.assemble.entry import Entry
from floe_images.engine.assemble.prune import PruneRules, read_rules
from floe_images.errors import HostileArchiveError, MaintainerScriptError
from floe_images.plan.model import DebPart
from tests.support.debs import Item, file, folder, link, write_deb

NOTHING = PruneRules(rules=(), digest="")


def unpack(
    place: Path, items: list[Item], rules: PruneRules = NOTHING, **more: object
) -> dict[str, tuple[Entry, bytes]]:
    path, deb = write_deb(place, items, **more)  # type: ignore[arg-type]
    found = {}
    for entry, content in deb_entries(path, DebPart(deb=deb), rules=rules):
        assert entry.path not in found
        found[entry.path] = (entry, b"".join(content()))
    return found


@pytest.mark.parametrize("compression", ["xz", "gz"])
@pytest.mark.parametrize("format", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_files_links_and_long_names(tmp_path: Path, compression: str, format: int) -> None:
    long = "usr/share/" + "/".join(["a-long-folder-name"] * 10) + "/grüße.txt"
    found = unpack(
        tmp_path,
        [
            folder("./"),
            folder("./usr/"),
            file("./usr/bin/tool", b"tool" * 200_000, 0o755),
            link("./usr/bin/again", "./usr/bin/tool", hard=True),
            link("./usr/lib/libx.so.1", "libx.so.1.2"),
            file(f"./{long}", b"long"),
        ],
        compression=compression,
        format=format,
    )
    assert found["usr/bin/tool"] == (
        Entry(path="usr/bin/tool", kind="file", mode=0o755, size=800_000),
        b"tool" * 200_000,
    )
    assert found["usr/bin/again"][0] == Entry(path="usr/bin/again", kind="hardlink", mode=0o644, link="usr/bin/tool")
    assert found["usr/lib/libx.so.1"][0] == Entry(
        path="usr/lib/libx.so.1", kind="symlink", mode=0o777, link="libx.so.1.2"
    )
    assert found[long][1] == b"long"
    assert "" not in found


def test_usr_is_merged(tmp_path: Path) -> None:
    found = unpack(
        tmp_path,
        [
            folder("./lib/"),
            file("./lib/x86_64-linux-gnu/libc.so.6", b"elf"),
            link("./lib64/ld-linux-x86-64.so.2", "/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"),
            file("./sbin/tool", b""),
            file("./bin/tool", b""),
            file("./library", b""),
        ],
    )
    assert {path for path in found if not path.startswith("var/lib/dpkg")} == {
        "usr/lib/x86_64-linux-gnu/libc.so.6",
        "usr/lib64/ld-linux-x86-64.so.2",
        "usr/sbin/tool",
        "usr/bin/tool",
        "library",
    }


def test_set_id_bits_are_dropped(tmp_path: Path) -> None:
    found = unpack(
        tmp_path, [file("./usr/bin/su", b"", 0o4755), folder("./var/mail/", 0o2775), folder("./tmp/", 0o1777)]
    )
    assert found["usr/bin/su"][0].mode == 0o755
    assert found["var/mail"][0].mode == 0o775
    assert found["tmp"][0].mode == 0o1777


def test_only_folders_that_no_file_implies(tmp_path: Path) -> None:
    found = unpack(tmp_path, [folder("./usr/"), folder("./usr/share/"), file("./usr/share/a"), folder("./proc/")])
    assert [path for path, (entry, _) in found.items() if entry.kind == "dir"] == ["proc"]


def test_scanners_find_the_package(tmp_path: Path) -> None:
    found = unpack(
        tmp_path,
        [file("./usr/share/doc/sample/copyright", b"free"), file("./usr/share/man/man1/sample.1.gz"), file("./lib/x")],
        rules=read_rules(
            b"[[rule]]\nid='man'\nwhere='deb'\nmatch=['usr/share/man/**']\nreason='nobody reads it'\nsaves=1\n"
        ),
        md5sums="aa  usr/share/doc/sample/copyright\nbb  usr/share/man/man1/sample.1.gz\ncc  lib/x\n",
    )
    assert set(found) == {
        "usr/share/doc/sample/copyright",
        "usr/lib/x",
        "var/lib/dpkg/status.d/sample",
        "var/lib/dpkg/status.d/sample.md5sums",
    }
    assert found["var/lib/dpkg/status.d/sample"][1] == (
        b"Package: sample\nVersion: 1.0-1\nArchitecture: all\nDescription: made by a test\n"
    )
    assert found["var/lib/dpkg/status.d/sample.md5sums"][1] == b"aa  usr/share/doc/sample/copyright\ncc  lib/x\n"


def test_the_ca_bundle_is_every_certificate_by_name(tmp_path: Path) -> None:
    found = unpack(
        tmp_path,
        [
            file("./usr/share/ca-certificates/mozilla/B.crt", b"-B-\n"),
            file("./usr/share/ca-certificates/mozilla/A.crt", b"-A-"),
            file("./usr/share/ca-certificates/mozilla/README", b"no"),
        ],
        name="ca-certificates",
    )
    assert found["etc/ssl/certs/ca-certificates.crt"][1] == b"-A-\n-B-\n"
    assert found["usr/share/ca-certificates/mozilla/B.crt"][1] == b"-B-\n"


def test_a_script_that_nobody_read_is_refused(tmp_path: Path) -> None:
    items = [file("./usr/bin/x")]
    scripts = {"postinst": "#!/bin/sh\nadduser x\n"}
    with pytest.raises(MaintainerScriptError, match=r"^sample 1.0-1: its postinst was never reviewed$") as refused:
        unpack(tmp_path, items, scripts=scripts)
    assert "{name: sample, skip_scripts: true}" in str(refused.value.hint)
    path, deb = write_deb(tmp_path, items, scripts=scripts)
    accepted = [entry.path for entry, _ in deb_entries(path, DebPart(deb=deb, skip_scripts=True), rules=NOTHING)]
    assert accepted[0] == "usr/bin/x"
    with pytest.raises(MaintainerScriptError, match="has changed since it was reviewed"):
        unpack(tmp_path, items, name="libc6", scripts=scripts)


def test_scripts_that_do_not_run_in_an_installation_do_not_matter(tmp_path: Path) -> None:
    scripts = {"prerm": "rm x", "postrm": "rm y", "config": "ask", "triggers": "interest x"}
    assert "usr/bin/x" in unpack(tmp_path, [file("./usr/bin/x")], scripts=scripts)


@pytest.mark.parametrize("field", ["name", "version", "architecture"])
def test_a_package_is_what_the_lock_says(tmp_path: Path, field: str) -> None:
    path, deb = write_deb(tmp_path, [file("./usr/bin/x")])
    values = {**{key: getattr(deb, key) for key in deb.__dataclass_fields__}, field: "other"}
    with pytest.raises(HostileArchiveError, match="the lock says 'other'"):
        list(deb_entries(path, DebPart(deb=type(deb)(**values)), rules=NOTHING))


@pytest.mark.parametrize(
    "items",
    [
        [file("./usr/../../etc/x")],
        [file("/etc/x")],
        [file("./usr\\x")],
        [file("./usr/a\nb")],
        [file("./usr/a\x7fb")],
        [link("./usr/a", "../../x")],
        [link("./a", "../x")],
        [link("./usr/a", "/etc"), file("./usr/a/b")],
        [link("./usr/a", "usr/nothing", hard=True)],
        [file("./lib/a"), file("./usr/lib/a")],
    ],
)
def test_a_hostile_path_is_refused(tmp_path: Path, items: list[Item]) -> None:
    with pytest.raises(HostileArchiveError, match=r"^sample 1\.0-1: "):
        unpack(tmp_path, items)


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.CONTTYPE, b"Z"])
def test_a_special_file_is_refused(tmp_path: Path, kind: bytes) -> None:
    member, _ = file("./dev/x")
    member.type = kind
    if kind == tarfile.CONTTYPE:  # "contiguous" is an ordinary file to everybody
        assert unpack(tmp_path, [(member, b"")])["dev/x"][0].kind == "file"
        return
    with pytest.raises(HostileArchiveError, match="dev/x"):
        unpack(tmp_path, [(member, b"")])


def test_a_bomb_is_refused_early(tmp_path: Path) -> None:
    path, deb = write_deb(tmp_path, [file("./usr/zeros", bytes(100 << 20))])
    chunks = (chunk for _, content in deb_entries(path, DebPart(deb=deb), rules=NOTHING) for chunk in content())
    sizes: list[int] = []
    with pytest.raises(HostileArchiveError, match="far more than it should"):
        sizes.extend(map(len, chunks))
    assert sum(sizes) <= 65 << 20


def test_the_key_is_of_content_and_rules(tmp_path: Path) -> None:
    _, one = write_deb(tmp_path, [file("./usr/bin/x")])
    _, two = write_deb(tmp_path, [file("./usr/bin/y")])
    assert deb_key(DebPart(deb=one)) == deb_key(DebPart(deb=one))
    assert deb_key(DebPart(deb=one)) != deb_key(DebPart(deb=two))
