"""A wheel becomes the entries that the specification says, and nothing that an honest wheel has not."""

from __future__ import annotations

import hashlib
import io
import struct
import zipfile
from pathlib import Path

import pytest

from floe_images.engine.assemble.record import RecordLine, digest_of, read_record, write_record
from floe_images.engine.assemble.wheel import wheel_entries
from floe_images.engine.assemble.wheel_layout import rewrite_shebang
from floe_images.errors import HostileArchiveError, WrongMachineError
from tests.support import hostile
from tests.support.wheels import AMD64, ARM64, source, unpacked, wheel_bytes

SITE = "usr/local/lib/python3.11/dist-packages"

FULL = wheel_bytes(
    files={
        "demo/__init__.py": b"VALUE = 1\n",
        "demo/tool.sh": b"#!/bin/sh\n",
        "demo/__pycache__/__init__.cpython-311.pyc": b"theirs",
        "demo-1.0.data/purelib/demo/pure.py": b"A = 1\n",
        "demo-1.0.data/platlib/demo/plat.py": b"B = 1\n",
        "demo-1.0.data/scripts/demo-script": b"#!python -E\nprint(1)\n",
        "demo-1.0.data/data/share/demo/x.txt": b"x",
        "demo-1.0.data/headers/demo.txt": b"h",
        "demo-1.0.dist-info/direct_url.json": b"{}",
        "demo-1.0.dist-info/INSTALLER": b"pip",
    },
    entry_points="[console_scripts]\ndemo = demo.cli:main.run [extra]\n[gui_scripts]\ndemo-gui = demo:gui\n",
    executable=["demo/tool.sh"],
)


def test_every_scheme_lies_where_debians_python_looks() -> None:
    found = unpacked(wheel_entries(source(FULL)))
    assert [(path, oct(entry.mode), entry.kind) for path, (entry, _) in found.items()] == [
        ("usr/local/bin/demo", "0o755", "file"),
        ("usr/local/bin/demo-gui", "0o755", "file"),
        ("usr/local/bin/demo-script", "0o755", "file"),
        ("usr/local/include/python3.11/demo/demo.txt", "0o644", "file"),
        (f"{SITE}/demo-1.0.dist-info/METADATA", "0o644", "file"),
        (f"{SITE}/demo-1.0.dist-info/WHEEL", "0o644", "file"),
        (f"{SITE}/demo-1.0.dist-info/entry_points.txt", "0o644", "file"),
        (f"{SITE}/demo/__init__.py", "0o644", "file"),
        (f"{SITE}/demo/plat.py", "0o644", "file"),
        (f"{SITE}/demo/pure.py", "0o644", "file"),
        (f"{SITE}/demo/tool.sh", "0o755", "file"),
        ("usr/local/share/demo/x.txt", "0o644", "file"),
        (f"{SITE}/demo-1.0.dist-info/INSTALLER", "0o644", "file"),
        (f"{SITE}/demo-1.0.dist-info/RECORD", "0o644", "file"),
    ]
    assert all(entry.size == len(data) for entry, data in found.values())
    assert found["usr/local/bin/demo"][1] == (
        b"#!/usr/bin/python3.11\nimport sys\n\nfrom demo.cli import main\n\n"
        b'if __name__ == "__main__":\n    sys.exit(main.run())\n'
    )
    assert found["usr/local/bin/demo-script"][1] == b"#!/usr/bin/python3.11 -E\nprint(1)\n"
    assert found[f"{SITE}/demo-1.0.dist-info/INSTALLER"][1] == b"floe\n"


def test_record_names_every_file_with_the_hash_that_is_in_the_image() -> None:
    found = unpacked(wheel_entries(source(FULL)))
    record = read_record(found[f"{SITE}/demo-1.0.dist-info/RECORD"][1])
    assert list(record) == sorted(record)
    assert record["../../../bin/demo"].digest == digest_of(found["usr/local/bin/demo"][1])

    images = {
        f"{SITE}/{path}" if not path.startswith("../") else "usr/local/" + path[9:]: record[path] for path in record
    }
    assert set(images) == set(found)
    for path, line in images.items():
        if not path.endswith("RECORD"):
            assert (line.digest, line.size) == (digest_of(found[path][1]), len(found[path][1])), path


def test_the_same_record_when_nobody_reads_the_content() -> None:
    listed = [(entry, content) for entry, content in wheel_entries(source(FULL))]
    read = unpacked(wheel_entries(source(FULL)))
    assert b"".join(listed[-1][1]()) == read[f"{SITE}/demo-1.0.dist-info/RECORD"][1]


def test_what_another_distribution_keeps_is_left_out_and_not_recorded() -> None:
    path = f"{SITE}/demo/__init__.py"
    found = unpacked(wheel_entries(source(FULL, excluded=[path])))
    assert path not in found
    assert b"demo/__init__.py" not in found[f"{SITE}/demo-1.0.dist-info/RECORD"][1]


@pytest.mark.parametrize("case", hostile.wheels())
def test_hostile_archives_are_refused_by_name(case: str, tmp_path: Path) -> None:
    path = hostile.wheels()[case](tmp_path)
    with pytest.raises(HostileArchiveError) as caught:
        unpacked(wheel_entries(source(path, "hostile")))
    assert caught.value.where == "hostile-1.0-py3-none-any.whl"


def _lying_record() -> bytes:
    info = "demo-1.0.dist-info"
    body = wheel_bytes()
    names = {"demo/__init__.py": b"VALUE = 2\n"}
    lines = [RecordLine(path=path, digest=digest_of(data), size=len(data)) for path, data in names.items()]
    for name in (f"{info}/METADATA", f"{info}/WHEEL"):
        data = zipfile.ZipFile(io.BytesIO(body)).read(name)
        lines.append(RecordLine(path=name, digest=digest_of(data), size=len(data)))
    return wheel_bytes(record=write_record(lines))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (wheel_bytes(metadata_name="other"), "it is called other inside, not demo"),
        (wheel_bytes(version="2.0"), "it says several versions: 1.0, 2.0"),
        (wheel_bytes(record=b""), "demo/__init__.py is not in the wheel's RECORD"),
        (wheel_bytes(record=b"demo/__init__.py,md5=aaaa,10\n"), "'demo/__init__.py' has no strong hash"),
        (_lying_record(), "demo/__init__.py is not what the wheel's RECORD says"),
        (wheel_bytes(entry_points="[console_scripts]\nx = os:system('id')\n"), "the entry point 'x' is not one"),
        (wheel_bytes(entry_points="[console_scripts]\n../../x = demo:main\n"), "the entry point '../../x' is not one"),
        (wheel_bytes(files={"demo-1.0.data/etc/x": b""}), "demo-1.0.data/etc/x is of no install scheme"),
        (wheel_bytes(files={"demo-1.0.data/scripts/a/b": b""}), "demo-1.0.data/scripts/a/b is of no install scheme"),
        (wheel_bytes(files={"other-1.0.data/data/x": b""}), "other-1.0.data is another project's data folder"),
        (
            wheel_bytes(files={"demo/a.py": b"", "demo-1.0.data/purelib/demo/a.py": b""}),
            "demo-1.0.data/purelib/demo/a.py and demo/a.py go to the same place",
        ),
        (b"PK not a zip", "not a readable zip archive"),
    ],
)
def test_a_wheel_that_lies_is_refused(data: bytes, says: str) -> None:
    with pytest.raises(HostileArchiveError) as caught:
        unpacked(wheel_entries(source(data)))
    assert says in caught.value.message


def elf_head(machine: int) -> bytes:
    return b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHI", 3, machine, 1) + bytes(44)


@pytest.mark.parametrize(("machine", "platform", "fits"), [(62, AMD64, True), (183, ARM64, True), (183, AMD64, False)])
@pytest.mark.parametrize("file", ["demo/_native.so", "demo/program", "demo/x.duckdb_extension"])
def test_machine_code_must_be_the_platforms(machine: int, platform: object, fits: bool, file: str) -> None:
    data = wheel_bytes(files={file: elf_head(machine)})
    wheel = source(data, platform=platform)  # type: ignore[arg-type]
    if fits:
        assert unpacked(wheel_entries(wheel))[f"{SITE}/{file}"][1] == elf_head(machine)
    else:
        with pytest.raises(WrongMachineError, match="machine code for arm64 in an image for linux/amd64"):
            unpacked(wheel_entries(wheel))


def test_machine_code_in_a_wheel_for_every_platform_is_refused() -> None:
    with pytest.raises(WrongMachineError, match="every platform"):
        unpacked(wheel_entries(source(wheel_bytes(files={"demo/program": elf_head(62)}))))


@pytest.mark.parametrize(
    ("tag", "fits"),
    [
        ("cp311-cp311-manylinux_2_28_x86_64", True),
        ("cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64", True),
        ("cp39-abi3-manylinux_2_28_x86_64", True),
        ("py3-none-manylinux2014_x86_64", True),
        ("py2.py3-none-any", True),
        ("cp312-abi3-manylinux_2_28_x86_64", False),
        ("cp312-cp312-manylinux_2_28_x86_64", False),
        ("cp311-cp311-manylinux_2_28_aarch64", False),
        ("cp311-cp311-musllinux_1_2_x86_64", False),
        ("cp311-cp311-macosx_11_0_x86_64", False),
        ("py2-none-any", False),
    ],
)
def test_a_wheels_tags_must_fit(tag: str, fits: bool) -> None:
    wheel = source(wheel_bytes(), platform=AMD64, tag=tag)
    if fits:
        assert f"{SITE}/demo/__init__.py" in unpacked(wheel_entries(wheel))
    else:
        with pytest.raises(WrongMachineError, match=r"not for CPython 3[.]11 on linux/amd64"):
            unpacked(wheel_entries(wheel))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"#!python\nx", b"#!/usr/bin/python3.11\nx"),
        (b"#!pythonw\r\nx", b"#!/usr/bin/python3.11\r\nx"),
        (b"#!/usr/bin/env python3\nx", b"#!/usr/bin/python3.11\nx"),
        (b"#!/build/env/bin/python3.12 -I\nx", b"#!/usr/bin/python3.11 -I\nx"),
        (b"#!/bin/sh\npython", b"#!/bin/sh\npython"),
        (b"#!/opt/pythonista\nx", b"#!/opt/pythonista\nx"),
        (b"import python\n", b"import python\n"),
    ],
)
def test_shebangs(before: bytes, after: bytes) -> None:
    assert rewrite_shebang(before) == after


def test_unpacking_twice_gives_the_same() -> None:
    first, second = (unpacked(wheel_entries(source(FULL))) for _ in range(2))
    digests = [hashlib.sha256(repr(each).encode()).hexdigest() for each in (first, second)]
    assert digests[0] == digests[1]
