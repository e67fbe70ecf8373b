"""Python resolved by the real uv against an index of hand-made wheels on loopback."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from floe_images.engine.fetch.http import Credential, Http, HttpSettings
from floe_images.engine.fetch.indexes import IndexSettings
from floe_images.engine.fetch.reach import Reach
from floe_images.engine.redact import Secret
from floe_images.engine.resolve.debian_mirrors import DebianMirrors
from floe_images.engine.resolve.python import resolve_python
from floe_images.engine.resolve.uv import Upgrade
from floe_images.engine.store import Store
from floe_images.errors import FloeError, MirrorRefusedError, MirrorUnreachableError, ResolveError
from floe_images.image.platform import Platform
from floe_images.lock.model import LockedFile, LockedWheel
from floe_images.progress import Silent
from tests.support.mirror import Mirror
from tests.support.mirror_tiny import write_zip

AMD64, ARM64 = Platform("linux", "amd64"), Platform("linux", "arm64")
ANY = "py3-none-any"
X86, ARM = "cp311-cp311-manylinux_2_28_x86_64", "cp311-cp311-manylinux_2_28_aarch64"


@pytest.fixture(autouse=True)
def _a_cache_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Mirror]:
    folder = tmp_path / "index"
    folder.mkdir()
    with Mirror(folders=(folder,)).serving() as found:
        yield found


def wheel(mirror: Mirror, name: str, version: str, *tags: str, needs: tuple[str, ...] = ()) -> None:
    for tag in tags or (ANY,):
        info = f"{name}-{version}.dist-info"
        requires = "".join(f"Requires-Dist: {need}\n" for need in needs)
        files = {
            f"{name}/__init__.py": b"",
            f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requires}".encode(),
            f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: {tag}\n".encode(),
        }
        write_zip(mirror.folders[0] / f"{name}-{version}-{tag}.whl", files, record=f"{info}/RECORD")


def resolve(
    mirror: Mirror,
    *requirements: str,
    previous: tuple[LockedWheel, ...] = (),
    upgrade: Upgrade | None = None,
    platforms: tuple[Platform, ...] = (AMD64, ARM64),
    index: IndexSettings | None = None,
    credentials: tuple[Credential, ...] = (),
    folders: tuple[Path, ...] = (),
) -> tuple[LockedWheel, ...]:
    reach = Reach(
        http=Http(HttpSettings(credentials=credentials, attempts=2, pause=0.001)),
        index=index or IndexSettings(index=mirror.url("simple")),
        debian=DebianMirrors(archive=(), security=()),
        certificates=(),
    )
    return resolve_python(
        requirements,
        platforms=platforms,
        python="3.11",
        reach=reach,
        store=Store(mirror.folders[0].parent / "cache"),
        progress=Silent(),
        previous=previous,
        upgrade=upgrade,
        folders=folders,
    )


def locked(mirror: Mirror, name: str) -> LockedFile:
    body = (mirror.folders[0] / name).read_bytes()
    return LockedFile(name=name, size=len(body), sha256=hashlib.sha256(body).hexdigest())


def pins(found: tuple[LockedWheel, ...]) -> dict[str, str]:
    return {one.name: one.version for one in found}


@pytest.mark.parametrize("hashes", [True, False])
def test_one_file_for_all_or_one_for_each(hashes: bool, mirror: Mirror) -> None:
    wheel(mirror, "app", "1.0", needs=("native", "only_arm ; platform_machine == 'aarch64'"))
    wheel(mirror, "native", "2.0", X86, ARM, "cp311-cp311-macosx_11_0_arm64", "cp312-cp312-manylinux_2_28_x86_64")
    wheel(mirror, "only_arm", "3.0")
    mirror.hashes = hashes
    found = resolve(mirror, "app")
    assert found == (
        LockedWheel(name="app", version="1.0", files=((None, locked(mirror, f"app-1.0-{ANY}.whl")),)),
        LockedWheel(
            name="native",
            version="2.0",
            files=(
                (AMD64, locked(mirror, f"native-2.0-{X86}.whl")),
                (ARM64, locked(mirror, f"native-2.0-{ARM}.whl")),
            ),
        ),
        LockedWheel(name="only-arm", version="3.0", files=((ARM64, locked(mirror, f"only_arm-3.0-{ANY}.whl")),)),
    )


def test_the_best_wheel_is_the_one_an_installer_takes(mirror: Mirror) -> None:
    old, better = "cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64", "cp311-cp311-manylinux_2_28_x86_64"
    too_new, abi3 = "cp311-cp311-manylinux_2_39_x86_64", "cp38-abi3-manylinux_2_28_x86_64"
    wheel(mirror, "native", "1.0", old, better, too_new, abi3, ANY)
    (found,) = resolve(mirror, "native", platforms=(AMD64,))
    assert [file.name for _, file in found.files] == [f"native-1.0-{better}.whl"]


def test_a_newest_version_without_a_wheel_for_one_platform_is_not_taken(mirror: Mirror) -> None:
    wheel(mirror, "native", "1.0", X86, ARM)
    wheel(mirror, "native", "2.0", X86)
    wheel(mirror, "other", "1.0", X86, ARM)
    wheel(mirror, "other", "2.0", X86, ARM)
    assert pins(resolve(mirror, "native", "other")) == {"native": "1.0", "other": "2.0"}


def test_no_wheel_at_all_for_a_platform(mirror: Mirror) -> None:
    wheel(mirror, "native", "1.0", X86)
    with pytest.raises(ResolveError) as caught:
        resolve(mirror, "native")
    assert caught.value.where == "Python for linux/arm64"
    assert "native" in caught.value.message
    assert "\n" not in caught.value.message


def test_an_sdist_is_no_wheel(mirror: Mirror) -> None:
    (mirror.folders[0] / "source-1.0.tar.gz").write_bytes(b"never opened")
    with pytest.raises(ResolveError, match="source"):
        resolve(mirror, "source")
    assert not any("tar.gz" in asked.path for asked in mirror.asked)


def test_what_contradicts_itself_is_told_in_one_line(mirror: Mirror) -> None:
    wheel(mirror, "app", "1.0", needs=("lib<2",))
    wheel(mirror, "lib", "1.0")
    wheel(mirror, "lib", "2.0")
    with pytest.raises(ResolveError) as caught:
        resolve(mirror, "app", "lib>=2")
    assert "app" in caught.value.message
    assert "lib>=2" in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.exit_code == 13


def test_pins_are_kept_until_they_are_freed(mirror: Mirror) -> None:
    for name in ("one", "two"):
        wheel(mirror, name, "1.0")
    before = resolve(mirror, "one", "two")
    for name in ("one", "two"):
        wheel(mirror, name, "2.0")
    assert resolve(mirror, "one", "two", previous=before) == before
    kept = resolve(mirror, "one", "two", previous=before, upgrade=Upgrade(names=("two",)))
    assert pins(kept) == {"one": "1.0", "two": "2.0"}
    freed = resolve(mirror, "one", "two", previous=before, upgrade=Upgrade(everything=True))
    assert pins(freed) == {"one": "2.0", "two": "2.0"}
    assert pins(resolve(mirror, "one>=2", "two", previous=before)) == {"one": "2.0", "two": "1.0"}


def test_a_folder_serves_as_well_as_an_index(mirror: Mirror) -> None:
    wheel(mirror, "native", "1.0", X86, ARM)
    none = IndexSettings(index=None)
    (found,) = resolve(mirror, "native", index=none, folders=mirror.folders)
    assert dict(found.files)[ARM64] == locked(mirror, f"native-1.0-{ARM}.whl")
    assert mirror.asked == []


@pytest.mark.parametrize("where", ["default", "extra", "links"])
def test_credentials_reach_uv_and_no_message(where: str, mirror: Mirror) -> None:
    wheel(mirror, "app", "1.0")
    mirror.user = ("joe", "hunter2/@:x")
    credential = Credential(f"http://127.0.0.1:{mirror.port}", "joe", Secret("hunter2/@:x"))
    settings = {
        "default": IndexSettings(index=mirror.url("simple")),
        "extra": IndexSettings(index="http://127.0.0.1:1/simple", extra=(mirror.url("simple"),)),
        "links": IndexSettings(index=None, find_links=(mirror.url("simple/app/"),)),
    }[where]
    assert pins(resolve(mirror, "app", index=settings, credentials=(credential,))) == {"app": "1.0"}
    assert {asked.user for asked in mirror.asked if asked.status == 200} == {"joe"}

    wrong = Credential(credential.origin, "joe", Secret("sekrit99"))
    mirror.folders[0].joinpath("x").touch()
    with pytest.raises(FloeError) as caught:
        resolve(mirror, "app", "x", index=settings, credentials=(wrong,))
    assert "sekrit99" not in f"{caught.value!r}{caught.value}{caught.value.hint}"
    if where == "default":
        assert isinstance(caught.value, MirrorRefusedError)


@pytest.mark.parametrize("kind", ["500", "hang-up"])
def test_a_broken_index(kind: str, mirror: Mirror) -> None:
    wheel(mirror, "app", "1.0")
    mirror.fault("simple/", kind)
    with pytest.raises(MirrorUnreachableError) as caught:
        resolve(mirror, "app")
    assert "\n" not in caught.value.message


def test_the_environments_own_indexes_are_not_asked(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel(mirror, "app", "1.0")
    with Mirror().serving() as other:
        for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL", "PIP_INDEX_URL"):
            monkeypatch.setenv(name, other.url("simple"))
        monkeypatch.setenv("UV_FIND_LINKS", other.url("simple/app/"))
        assert pins(resolve(mirror, "app")) == {"app": "1.0"}
        assert other.asked == []
