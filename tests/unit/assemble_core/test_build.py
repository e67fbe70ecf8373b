from __future__ import annotations

import gzip
import io
import tarfile
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from floe_images.engine.assemble import build
from floe_images.engine.assemble.build import AssembledImage, assemble
from floe_images.engine.store import Store
from floe_images.errors import CollisionError, ImageTooBigError, InterpreterError, WrongHashError
from floe_images.image.layer import LayerBlob
from floe_images.image.platform import Platform
from floe_images.lock.model import LockedDeb
from floe_images.plan.base_files import base_files
from floe_images.plan.model import DebPart, FilesPart, ImageConfig, ImagePlan, LayerPlan, Part, Plan, PlannedFile
from floe_images.progress import Silent
from tests.support.debs import file, write_deb

AMD64, ARM64 = Platform("linux", "amd64"), Platform("linux", "arm64")
CONFIG = ImageConfig(
    user="10001:0", env=(), entrypoint=(), cmd=(), working_dir="/", volumes=(), labels=(), healthcheck=()
)


class Recorder(Silent):
    def __init__(self) -> None:
        self.phases: list[str] = []

    def phase(self, name: str) -> None:
        self.phases.append(name)


class Project:
    """A plan of a base, one package, and files that both platforms share."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.store = Store(place / "cache")
        self.files: dict[str, Path] = {}
        self.progress = Recorder()

    def deb(self, name: str, body: bytes, architecture: str = "amd64") -> LockedDeb:
        path, deb = write_deb(
            self.place / "debs", [file(f"./usr/lib/{name}/x", body)], name=name, architecture=architecture
        )
        self.files[deb.file.sha256] = path
        return deb

    def plan(self, *shared: Part, max_size: int = 10**9) -> Plan:
        common = LayerPlan(name="project", platform=None, parts=shared)
        return Plan(
            reference="example/flights:1",
            epoch=0,
            max_size=max_size,
            bytecode=False,
            annotations=(),
            images=tuple(
                ImagePlan(platform=platform, config=CONFIG, layers=(self.system(platform), common))
                for platform in (AMD64, ARM64)
            ),
        )

    def system(self, platform: Platform) -> LayerPlan:
        deb = self.deb("libsample", platform.architecture.encode() * 50_000, platform.architecture)
        parts = (FilesPart(name="base", files=base_files()), DebPart(deb=deb))
        return LayerPlan(name="system", platform=platform, parts=parts)

    def assemble(self, plan: Plan, **more: object) -> tuple[AssembledImage, ...]:
        return assemble(
            plan,
            files=self.files,
            project=self.place,
            store=self.store,
            progress=self.progress,
            **more,  # type: ignore[arg-type]
        )

    def names(self, layer: LayerBlob) -> list[str]:
        body = self.store.path("blobs", layer.digest.removeprefix("sha256:")).read_bytes()
        with tarfile.open(fileobj=io.BytesIO(gzip.decompress(body))) as read:
            return read.getnames()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def planned(*paths: str, body: bytes = b"") -> FilesPart:
    return FilesPart(name="files", files=tuple(PlannedFile(path=path, data=body) for path in paths))


def digests(images: Sequence[AssembledImage]) -> list[list[str]]:
    return [[layer.digest for layer in image.layers] for image in images]


def test_two_platforms_share_what_is_the_same(project: Project) -> None:
    images = project.assemble(project.plan(planned("opt/floe/x")))
    assert [image.platform for image in images] == [AMD64, ARM64]
    assert [[layer.name for layer in image.layers] for image in images] == [["system", "project"]] * 2
    assert images[0].layers[1] == images[1].layers[1]
    assert images[0].layers[0].digest != images[1].layers[0].digest
    names = project.names(images[0].layers[0])
    assert len(names) == len(set(names))
    assert {"bin", "etc/passwd", "var/lib/floe", "usr/lib/libsample/x", "var/lib/dpkg/status.d/libsample"} < set(names)


def test_what_did_not_change_is_not_made_again(project: Project) -> None:
    first = project.assemble(project.plan(planned("opt/floe/x")))
    assert project.progress.phases == ["unpack", "compress"]
    again = project.assemble(project.plan(planned("opt/floe/x")))
    changed = project.assemble(project.plan(planned("opt/floe/x", body=b"new")))
    assert [[layer.rebuilt for layer in image.layers] for image in first] == [[True, True]] * 2
    assert [[layer.rebuilt for layer in image.layers] for image in again] == [[False, False]] * 2
    assert [[layer.rebuilt for layer in image.layers] for image in changed] == [[False, True]] * 2
    assert digests(first) == digests(again)


def test_a_damaged_download_is_found_when_something_is_made_from_it_and_only_then(
    project: Project, tmp_path: Path
) -> None:
    plan = project.plan(planned("opt/floe/x"))
    project.assemble(plan)
    path = next(iter(project.files.values()))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)  # of the same size
    assert [layer.rebuilt for image in project.assemble(plan) for layer in image.layers] == [False] * 4
    project.store = Store(tmp_path / "another")
    with pytest.raises(WrongHashError, match="damaged in the cache; it was removed") as caught:
        project.assemble(plan)
    assert (caught.value.exit_code, caught.value.where, caught.value.hint) == (
        21,
        path.name,
        "run it again, and not with --frozen, which fetches nothing",
    )
    assert not path.exists()


def test_all_damaged_downloads_are_named_at_once(project: Project, tmp_path: Path) -> None:
    plan = project.plan(planned("opt/floe/x"))
    paths = sorted(project.files.values())
    assert len(paths) > 1
    for path in paths:
        path.write_bytes(bytes(path.stat().st_size))
    with pytest.raises(WrongHashError) as caught:
        project.assemble(plan)
    names = ", ".join(sorted(path.name for path in paths))
    assert str(caught.value) == f"{len(paths)} files were damaged in the cache; they were removed: {names}"
    assert [path for path in paths if path.exists()] == []


def test_how_many_jobs_does_not_matter(project: Project, tmp_path: Path) -> None:
    plan = project.plan(planned("opt/floe/x"))
    one = project.assemble(plan, jobs=1)
    project.store = Store(tmp_path / "another")
    assert digests(project.assemble(plan, jobs=4)) == digests(one)


def test_a_damaged_fragment_is_made_again(project: Project) -> None:
    plan = project.plan(planned("opt/floe/x"))
    wanted = digests(project.assemble(plan))
    for path in (project.store.root / "fragments").iterdir():
        body = bytearray(path.read_bytes())
        body[-5] ^= 1
        path.write_bytes(body)
    for path in (project.store.root / "blobs").iterdir():
        path.unlink()
    assert digests(project.assemble(plan)) == wanted


def test_another_fragment_under_a_fragments_key_is_made_again(project: Project) -> None:
    """A sound gzip member of the same size, so that only its hash tells."""
    plan = project.plan(planned("opt/floe/x", body=b"right"))
    wanted = digests(project.assemble(plan))
    folder = project.store.root / "fragments"
    before = {path.name for path in folder.iterdir()}
    for path in (project.store.root / "blobs").iterdir():
        path.unlink()
    project.assemble(project.plan(planned("opt/floe/x", body=b"wrong")))
    (other,) = [path for path in folder.iterdir() if path.name not in before]
    replaced = [path for path in folder.iterdir() if path != other and path.stat().st_size == other.stat().st_size]
    assert replaced
    for path in replaced:
        path.write_bytes(other.read_bytes())
    for path in (project.store.root / "blobs").iterdir():
        path.unlink()
    assert digests(project.assemble(plan)) == wanted


def test_an_image_that_is_too_big_names_the_largest_packages(project: Project) -> None:
    with pytest.raises(ImageTooBigError, match=r"^linux/amd64: 0\.3 MB unpacked, more than the 0\.1 MB") as refused:
        project.assemble(project.plan(planned("opt/floe/x", body=b"x" * 2000), max_size=100_000))
    assert "largest: libsample 0.3 MB" in str(refused.value)


def test_the_first_failure_is_the_one_that_is_told(project: Project) -> None:
    with pytest.raises(CollisionError, match="opt/floe/x"):
        project.assemble(project.plan(planned("opt/floe/x"), planned("opt/floe/x", body=b"other")))
    assert not list((project.store.root / "tmp").iterdir())
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("layer")]


def test_bytecode_needs_the_interpreters_packages(project: Project) -> None:
    plan = replace(project.plan(planned("opt/floe/x")), bytecode=True)
    layers = plan.images[0].layers
    python = project.deb("python3.11-minimal", b"elf")
    with_python = LayerPlan(
        name="python", platform=AMD64, parts=(DebPart(deb=python), planned("usr/lib/python3.11/a.py", body=b"a = 1\n"))
    )
    plan = replace(plan, images=(replace(plan.images[0], layers=(layers[0], with_python)),))
    assert len(project.assemble(plan)) == 1  # no source in a package, so no interpreter is asked for
    path, deb = write_deb(
        project.place / "debs", [file("./usr/lib/python3.11/os.py", b"x = 1\n")], name="libpython3.11-minimal"
    )
    project.files[deb.file.sha256] = path
    sources = replace(with_python, parts=(DebPart(deb=python), DebPart(deb=deb)))
    plan = replace(plan, images=(replace(plan.images[0], layers=(layers[0], sources)),))
    with pytest.raises(InterpreterError, match="the lock has no libc6 for this machine"):
        project.assemble(plan)


def test_ctrl_c_ends_the_jobs(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    started = threading.Event()
    real = build.concurrent.futures.wait

    def interrupt(*args: object, **named: object) -> object:
        started.set()
        raise KeyboardInterrupt

    monkeypatch.setattr(build.concurrent.futures, "wait", interrupt)
    with pytest.raises(KeyboardInterrupt):
        project.assemble(project.plan(planned("opt/floe/x")))
    assert started.is_set()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("layer")]
    monkeypatch.setattr(build.concurrent.futures, "wait", real)
    assert len(project.assemble(project.plan(planned("opt/floe/x")))) == 2
