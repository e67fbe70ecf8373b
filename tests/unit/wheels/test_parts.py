"""Each planned part has its entries, and a key that changes with them and with nothing else."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from floe_images.engine.assemble.collide import Exclusions
from floe_images.engine.assemble.parts import PartContext, part_stream
from floe_images.lock.model import LockedFile, LockedWheel
from floe_images.plan.model import FilesPart, PlannedFile, RuntimePart, TreePart, WheelPart
from floe_images.progress import Silent
from tests.support.wheels import AMD64, ARM64, source, unpacked, wheel_bytes

SITE = "usr/local/lib/python3.11/dist-packages"


class Notes(Silent):
    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, text: str) -> None:
        self.said.append(text)


def _context(tmp_path: Path, *files: bytes) -> PartContext:
    known = {}
    for data in files:
        digest = hashlib.sha256(data).hexdigest()
        known[digest] = tmp_path / digest
        known[digest].write_bytes(data)
    return PartContext(files=known, project=tmp_path, progress=Notes(), exclusions=Exclusions(paths={}))


def _locked(data: bytes) -> LockedWheel:
    file = LockedFile(name=source(data).file_name, size=len(data), sha256=hashlib.sha256(data).hexdigest())
    return LockedWheel(name="demo", version="1.0", files=((None, file),))


def test_a_wheels_key_depends_on_its_file_and_on_what_is_left_to_others(tmp_path: Path) -> None:
    one, two = wheel_bytes(), wheel_bytes(files={"demo/__init__.py": b"VALUE = 2\n"})
    context = _context(tmp_path, one, two)
    part = WheelPart(wheel=_locked(one), platform=None)
    stream = part_stream(part, context, platform=AMD64)
    assert (stream.name, len(stream.key)) == ("demo", 64)
    assert unpacked(stream.entries()).keys() == unpacked(stream.entries()).keys() >= {f"{SITE}/demo/__init__.py"}
    assert part_stream(part, context, platform=ARM64).key == stream.key
    assert part_stream(WheelPart(wheel=_locked(two), platform=None), context, platform=AMD64).key != stream.key
    path = f"{SITE}/demo/__init__.py"
    left = replace(context, exclusions=Exclusions(paths={("demo", None): frozenset({path})}))
    other = part_stream(part, left, platform=AMD64)
    assert other.key != stream.key
    assert path not in unpacked(other.entries())


def test_planned_files_folders_and_links(tmp_path: Path) -> None:
    files = (
        PlannedFile(path="a", mode=0o755, folder=True),
        PlannedFile(path="a/b", data=b"text"),
        PlannedFile(path="a/c", link="b"),
        PlannedFile(path="a/empty"),
    )
    stream = part_stream(FilesPart(name="x", files=files), _context(tmp_path), platform=AMD64)
    assert [(p, e.kind, e.size, e.link, data) for p, (e, data) in unpacked(stream.entries()).items()] == [
        ("a", "dir", 0, "", b""),
        ("a/b", "file", 4, "", b"text"),
        ("a/c", "symlink", 0, "b", b""),
        ("a/empty", "file", 0, "", b""),
    ]
    renamed = FilesPart(name="y", files=files)
    assert part_stream(renamed, _context(tmp_path), platform=AMD64).key == stream.key
    changed = FilesPart(name="x", files=(*files[:3], replace(files[3], data=b"now")))
    assert part_stream(changed, _context(tmp_path), platform=AMD64).key != stream.key


def test_a_tree_is_keyed_by_content_and_place_and_says_what_stays_behind(tmp_path: Path) -> None:
    (tmp_path / "transform").mkdir()
    (tmp_path / "transform/dbt_project.yml").write_text("name: demo\n")
    (tmp_path / "transform/profiles.yml").write_text("password: hunter2\n")
    context = _context(tmp_path)
    part = TreePart(source="transform", place="opt/floe/project/transform")
    stream = part_stream(part, context, platform=AMD64)
    assert list(unpacked(stream.entries())) == ["opt/floe/project/transform/dbt_project.yml"]
    assert isinstance(context.progress, Notes)
    assert context.progress.said == ["transform/profiles.yml looks like a secret and stays out of the image"]
    assert part_stream(replace(part, place="x"), context, platform=AMD64).key != stream.key
    (tmp_path / "transform/profiles.yml").write_text("password: another\n")
    assert part_stream(part, context, platform=AMD64).key == stream.key
    (tmp_path / "transform/dbt_project.yml").write_text("name: other\n")
    assert part_stream(part, context, platform=AMD64).key != stream.key


def test_the_runtime_is_a_wheel_like_any_other(tmp_path: Path) -> None:
    stream = part_stream(RuntimePart(version="1.2.3"), _context(tmp_path), platform=AMD64)
    found = unpacked(stream.entries())
    assert {"usr/local/bin/floe-runtime", f"{SITE}/floe_images/errors.py"} <= set(found)
    assert part_stream(RuntimePart(version="1.2.4"), _context(tmp_path), platform=AMD64).key != stream.key
