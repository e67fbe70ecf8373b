"""What `floe run` lays out below .floe: the image's /opt/floe, and the state beside it."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import os
import tarfile
from pathlib import Path

import pytest

from floe_images.engine.environment.home import Home, home_of, lay_out, missing_data
from floe_images.engine.environment.host import HostPython
from floe_images.engine.environment.make import Environment
from floe_images.errors import WrongHashError
from floe_images.lock.model import Lock, LockedData, LockedFile, LockedWheel
from tests.unit.lock.sample import sample

DATA = b"a,b\n1,2\n"
RENDERED = {"opt/floe/artifacts.json": b"{}", "opt/floe/dagster/dagster.yaml": b"telemetry: {enabled: false}\n"}


@pytest.fixture
def base(tmp_path: Path) -> Path:
    project = tmp_path / "project"
    (project / "transform").mkdir(parents=True)
    (project / "transform" / "dbt_project.yml").write_text("name: t\n")
    return project


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    host = HostPython(
        path=Path("/usr/bin/python3.11"), version=(3, 11, 2), implementation="cpython", system="linux",
        machine="aarch64", glibc=(2, 36), wanted=True,
    )  # fmt: skip
    found = Environment(folder=tmp_path / "env", runtime=tmp_path / "runtime", host=host, key="k", exact=True)
    packed = found.site / "duckdb_extension_httpfs" / "extensions" / "v1.5.5"
    packed.mkdir(parents=True)
    (packed / "httpfs.duckdb_extension").write_bytes(b"extension")
    return found


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "package-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        entry = tarfile.TarInfo("package-1.0/data.csv")
        entry.size = len(DATA)
        tar.addfile(entry, io.BytesIO(DATA))
    return path


def lock_of(archive: Path, data: bytes = DATA) -> Lock:
    body = archive.read_bytes()
    file = LockedFile(name=archive.name, size=len(body), sha256=hashlib.sha256(body).hexdigest())
    one = LockedData(
        name="data", package="package", version="1.0", file=file, member="data.csv", place="/opt/floe/data/in/data.csv",
        sha256=hashlib.sha256(data).hexdigest(), size=len(data),
    )  # fmt: skip
    extension = LockedWheel(name="duckdb-extension-httpfs", version="1.5.5", files=())
    return dataclasses.replace(sample(), data=(one,), wheels=(extension,))


def lay(base: Path, environment: Environment, archive: Path, lock: Lock | None = None) -> Home:
    home = home_of(base, {})
    lock = lock or lock_of(archive)
    lay_out(
        home, base=base, transforms=["transform"], rendered=RENDERED, lock=lock, environment=environment,
        downloads={each.file.sha256: archive for each in lock.data},
    )  # fmt: skip
    return home


def files_of(folder: Path) -> dict[str, bytes]:
    """Every file that can be reached, by its path."""
    found = {}
    for parent, _, names in os.walk(folder, followlinks=True):
        for name in names:
            path = Path(parent, name)
            found[path.relative_to(folder).as_posix()] = path.read_bytes()
    return found


def test_it_has_what_the_image_has(base: Path, environment: Environment, archive: Path) -> None:
    home = lay(base, environment, archive)
    found = files_of(home.home)
    found.pop(".made.json")
    assert found == {
        "artifacts.json": b"{}",
        "dagster/dagster.yaml": b"telemetry: {enabled: false}\n",
        "project/transform/dbt_project.yml": b"name: t\n",
        "data/in/data.csv": DATA,
        "duckdb/v1.5.5/linux_arm64/httpfs.duckdb_extension": b"extension",
    }
    assert (base / ".floe" / ".gitignore").read_text() == "*\n"
    assert home.state == base / ".floe" / "state"
    assert home.state.is_dir()
    assert home.secrets.stat().st_mode & 0o777 == 0o700


def test_what_is_right_stays_and_what_is_not_is_made_anew(base: Path, environment: Environment, archive: Path) -> None:
    home = lay(base, environment, archive)
    lock = lock_of(archive)
    before = {path: path.stat().st_mtime_ns for path in home.home.rglob("*") if path.is_file()}
    assert missing_data(home, lock) == ()
    lay(base, environment, Path("/nonexistent"), lock)
    assert {path: path.stat().st_mtime_ns for path in home.home.rglob("*") if path.is_file()} == before
    (home.home / "data" / "in" / "data.csv").write_bytes(b"spoiled")
    assert missing_data(home, lock) == lock.data
    lay(base, environment, archive)
    assert (home.home / "data" / "in" / "data.csv").read_bytes() == DATA


def test_what_an_earlier_floe_yaml_had_goes(base: Path, environment: Environment, archive: Path) -> None:
    home = lay(base, environment, archive)
    (base / "second").mkdir()
    lay_out(
        home, base=base, transforms=["second"], rendered=RENDERED, lock=dataclasses.replace(lock_of(archive), data=()),
        environment=environment, downloads={},
    )  # fmt: skip
    assert [path.name for path in (home.home / "project").iterdir()] == ["second"]
    assert [path for path in (home.home / "data").rglob("*") if path.is_file()] == []
    assert (base / "transform" / "dbt_project.yml").exists()


def test_data_that_is_not_what_the_lock_says_does_not_get_its_place(
    base: Path, environment: Environment, archive: Path
) -> None:
    with pytest.raises(WrongHashError):
        lay(base, environment, archive, lock_of(archive, b"a,b\n1,3\n"))
    assert [path for path in (base / ".floe" / "home" / "data").rglob("*") if path.is_file()] == []


def test_secrets_lie_where_the_variable_says(base: Path, environment: Environment, archive: Path) -> None:
    home = home_of(base, {"FLOE_SECRETS_DIR": str(base / "mine")})
    assert home.secrets == base / "mine"


def test_a_link_to_an_environment_that_was_pruned_is_made_anew(
    base: Path, environment: Environment, archive: Path, tmp_path: Path
) -> None:
    home = lay(base, environment, archive)
    other = dataclasses.replace(environment, folder=tmp_path / "other")
    environment.folder.rename(other.folder)
    lay(base, other, archive)
    extension = home.home / "duckdb" / "v1.5.5" / "linux_arm64" / "httpfs.duckdb_extension"
    assert extension.read_bytes() == b"extension"
