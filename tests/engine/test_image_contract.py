"""The image's contract, held against every entry of the real layers; nothing of it is taken from the plan."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import re
import struct
import tempfile
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

from floe_images.engine.assemble.collide import exclusions
from floe_images.engine.assemble.record_check import check_record
from floe_images.engine.assemble.runtime_wheel import runtime_source
from floe_images.engine.assemble.wheel import WheelSource
from floe_images.engine.fetch.reach import find_reach
from floe_images.engine.store import default_store
from floe_images.image.platform import Platform
from floe_images.plan.make import BuildOptions, make_plan
from floe_images.project.lock import load_lock
from floe_images.render.files import rendered_files
from floe_images.spec.load import load_spec
from tests.support.flights import PLATFORMS, BuiltProject, copy_project, floe
from tests.support.walk import Found, WalkedImage, walk

SITE = "usr/local/lib/python3.11/dist-packages"
MACHINES = {"linux/amd64": 62, "linux/arm64": 183}  # e_machine: EM_X86_64, EM_AARCH64
SHELLS = {"sh", "bash", "rbash", "dash", "ash", "zsh", "ksh", "mksh", "fish", "csh", "tcsh", "busybox", "toybox"}
MANAGERS = {"apt", "apt-get", "dpkg", "aptitude", "pip", "pip3", "pip3.11", "easy_install", "uv", "conda", "apk"}
# What may be written by others than its owner and group.
STICKY = {"tmp": 0o1777, "var/tmp": 0o1777, "run/lock": 0o1777}

Walked = dict[str, WalkedImage]


@pytest.fixture(scope="module", params=["flights", pytest.param("six_adapters", marks=pytest.mark.acceptance)], ids=str)
def project(request: pytest.FixtureRequest) -> BuiltProject:
    found: BuiltProject = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="module")
def walked(project: BuiltProject, tmp_path_factory: pytest.TempPathFactory) -> Walked:
    return walk(project.layout, tmp_path_factory.mktemp("layers"))


@pytest.fixture(params=PLATFORMS, ids=["amd64", "arm64"])
def image(request: pytest.FixtureRequest, walked: Walked) -> WalkedImage:
    return walked[request.param]


def entries(image: WalkedImage) -> Iterator[Found]:
    for layer in image.layers:
        yield from layer.entries


def test_both_platforms_are_there_and_share_layers(walked: Walked, project: BuiltProject) -> None:
    assert sorted(walked) == list(PLATFORMS)
    amd64, arm64 = (walked[platform] for platform in PLATFORMS)
    shared = {layer.diff_id for layer in amd64.layers} & {layer.diff_id for layer in arm64.layers}
    assert len(shared) >= 10
    for image in walked.values():
        assert len(image.layers) <= 100
        said = project.image(image.platform)
        assert sum(layer.entries[0].tar.stat().st_size for layer in image.layers) == said["unpacked"]


def test_paths_are_canonical_and_occur_once(image: WalkedImage) -> None:
    for layer in image.layers:
        names = [entry.path.rstrip("/") for entry in layer.entries]
        assert [name for name, count in Counter(names).items() if count > 1] == []
        assert [name for name in names if str(PurePosixPath(name)) != name or name.startswith("/")] == []
        assert [name for name in names if set(name.split("/")) & {"..", "."}] == []
        # Merged /usr: the four names are links in the base, and nothing lies behind them.
        assert [name for name in names if re.match(r"(bin|sbin|lib|lib64)/", name)] == []
        assert [name for name in names if ".wh." in name] == []
    for name in ("bin", "sbin", "lib", "lib64"):
        assert image.tree[name].info.linkname == f"usr/{name}"
    # A path in two layers is a folder with the same face: no layer changes what another brought.
    faces: dict[str, set[tuple[bytes, int]]] = {}
    for entry in entries(image):
        faces.setdefault(entry.path.rstrip("/"), set()).add((entry.info.type, entry.mode))
    assert {path: face for path, face in faces.items() if len(face) > 1} == {}
    files = Counter(entry.path for entry in entries(image) if not entry.info.isdir())
    assert [path for path, count in files.items() if count > 1] == []
    assert len(files) > 10_000


def test_every_path_has_its_folders(image: WalkedImage) -> None:
    for path in image.tree:
        for parent in list(PurePosixPath(path).parents)[:-1]:
            assert image.tree[str(parent)].info.isdir(), path


def test_owner_mode_and_time(image: WalkedImage, project: BuiltProject) -> None:
    assert {(entry.info.uid, entry.info.gid) for entry in entries(image)} == {(0, 0)}
    assert {entry.info.uname or entry.info.gname for entry in entries(image)} <= {""}
    assert len({entry.info.mtime for entry in entries(image)}) == 1
    kinds = {entry.info.type for entry in entries(image)}
    assert {b"0", b"5", b"2"} <= kinds <= {b"0", b"5", b"2", b"1"}
    assert [entry.path for entry in entries(image) if entry.mode & 0o6000] == []
    writable = {
        entry.path.rstrip("/"): entry.mode for entry in entries(image) if entry.mode & 0o002 and not entry.info.issym()
    }
    assert writable == STICKY
    by_group = {entry.path.rstrip("/"): entry.mode for entry in entries(image) if entry.mode & 0o020}
    assert {path: mode for path, mode in by_group.items() if not image.tree[path].info.issym()} == {
        **STICKY,
        "var/lib/floe": 0o775,
        "var/local": 0o775,  # base-files' own, for a group that is root's here
    }
    unreadable = [entry.path for entry in entries(image) if not entry.mode & 0o004 and not entry.info.issym()]
    assert [path.rstrip("/") for path in unreadable] == ["root", "var/cache/ldconfig"]


def test_no_file_has_capabilities_or_other_attributes(image: WalkedImage) -> None:
    kinds = {key for entry in entries(image) for key in entry.info.pax_headers}
    assert kinds <= {"path", "linkpath", "size"}


def test_no_shell_and_no_package_manager(image: WalkedImage) -> None:
    names = {PurePosixPath(path).name for path in image.tree if image.tree[path].mode & 0o111 and _program(path)}
    assert "python3.11" in names
    assert names & (SHELLS | MANAGERS) == set()
    assert [path for path in image.tree if re.match(rf"{SITE}/(pip|uv|docker|python_on_whales)/", path)] == []
    assert [path for path in image.tree if path.endswith("/ensurepip/__init__.py")] == []


def _program(path: str) -> bool:
    return bool(re.match(r"usr/(local/)?s?bin/|opt/", path))


def test_only_the_runtime_of_ours_is_inside(image: WalkedImage) -> None:
    inside = {path.split("/")[5] for path in image.tree if path.startswith(f"{SITE}/floe_images/")}
    top = {path.removeprefix(f"{SITE}/floe_images/").split("/")[0] for path in image.tree if "/floe_images/" in path}
    assert inside == {"floe_images"}
    assert top == {"__init__.py", "__pycache__", "errors.py", "py.typed", "artifacts", "runtime"}


def test_every_elf_file_is_the_platform_s(image: WalkedImage) -> None:
    found: Counter[int] = Counter()
    for entry in image.tree.values():
        if entry.info.isreg() and entry.info.size >= 20:
            head = entry.read(20)
            if head[:4] == b"\x7fELF":
                found[struct.unpack_from("<H", head, 18)[0]] += 1
                assert (entry.path, struct.unpack_from("<H", head, 18)[0]) == (entry.path, MACHINES[image.platform])
    assert found[MACHINES[image.platform]] > 150


def test_links_lead_somewhere(image: WalkedImage) -> None:
    # What a link of a Debian package points to may be in a package that is deliberately not there.
    expected_dangling = re.compile(r"etc/alternatives/|usr/share/doc/|usr/lib/ssl/(private|openssl\.cnf)|run/|var/run")
    dangling = []
    for path, entry in image.tree.items():
        if entry.info.issym():
            target = image._resolve(path)
            if target is None or (target and target not in image.tree):
                dangling.append(path)
    assert [path for path in dangling if not expected_dangling.match(path)] == []


def test_users(image: WalkedImage) -> None:
    passwd = {line.split(":")[0]: line.split(":") for line in _text(image, "etc/passwd").splitlines()}
    assert passwd["root"][2:4] == ["0", "0"]
    assert passwd["floe"][2:6] == ["10001", "0", "floe", "/tmp"]
    assert passwd["nobody"][2:4] == ["65534", "65534"]
    assert {line[6] for line in passwd.values()} == {"/usr/sbin/nologin"}
    assert {line[1] for line in passwd.values()} == {"x"}
    groups = {line.split(":")[0]: line.split(":")[2] for line in _text(image, "etc/group").splitlines()}
    assert groups == {"root": "0", "nogroup": "65534"}
    assert "etc/shadow" not in image.tree


def _text(image: WalkedImage, path: str) -> str:
    found = image.file(path)
    assert found is not None, path
    return found.read().decode()


def test_scanners_find_what_they_look_for(image: WalkedImage, project: BuiltProject) -> None:
    assert "VERSION_CODENAME=bookworm" in _text(image, "etc/os-release")
    platform = Platform.parse(image.platform)
    statuses = {path for path in image.tree if re.fullmatch(r"var/lib/dpkg/status\.d/[^/]+", path)}
    names = {PurePosixPath(path).name for path in statuses if not path.endswith(".md5sums")}
    assert names == {deb.name for deb in project.lock.debs(platform)}
    assert len(names) > 20
    bundle = _text(image, "etc/ssl/certs/ca-certificates.crt")
    assert bundle.count("BEGIN CERTIFICATE") > 100
    # A licence text for each Debian package.
    assert {name for name in names if image.file(f"usr/share/doc/{name}/copyright") is None} == set()


def test_nothing_of_this_machine_is_inside(image: WalkedImage, project: BuiltProject) -> None:
    """Its indexes and mirrors, its paths: in no file that floe writes, in no header, no config."""
    folders = (
        Path.home(),
        project.folder,
        Path(__file__).parents[2],
        default_store().root,
        Path(tempfile.gettempdir()) / "pytest",
    )
    words = {f"{folder}/".encode() for folder in folders}
    reach = find_reach(load_spec(project.folder / "floe.yaml").spec.image.mirrors, project.folder)
    urls = re.findall(r"https?://([^/\s'\",)]+)", repr(reach))
    assert urls, "the machine's own index is known"
    words |= {host.rpartition("@")[2].encode() for host in urls}
    made = re.compile(
        rf"etc/(?!ssl/)|opt/floe/(?!data/)|usr/local/bin/|var/lib/dpkg/|{SITE}/(floe_|[^/]+\.dist-info/(RECORD|INSTALLER))"
    )
    looked = 0
    said = repr((image.config, image.manifest)).encode()
    assert [word for word in words if word in said] == []
    for path, entry in image.tree.items():
        assert not [word for word in words if word in path.encode() or word in entry.info.linkname.encode()]
        if entry.info.isreg() and made.match(path):
            data = entry.read()
            # Debian's maintainer may have written an address into a package's own control fields.
            if path.startswith("var/lib/dpkg/"):
                data = re.sub(rb"(?m)^(Homepage|Description|Maintainer|Bugs):.*$", b"", data)
            looked += 1
            assert (path, [word for word in words if word in data]) == (path, [])
    assert looked > 300


def test_bytecode_names_no_path_of_this_machine_and_belongs_to_its_source(image: WalkedImage) -> None:
    checked = 0
    home = str(Path.home()).encode()
    for path, entry in image.tree.items():
        if not path.endswith(".cpython-311.pyc") or not entry.info.isreg():
            continue
        folder, name = path.rsplit("/__pycache__/")
        source = image.file(f"{folder}/{name.removesuffix('.cpython-311.pyc')}.py")
        assert source is not None, path
        head = entry.read(16)
        assert head[:8] == bytes.fromhex("a70d0d0a") + b"\x01\0\0\0", path  # CPython 3.11, unchecked hash (PEP 552)
        if checked % 50 == 0:
            data = entry.read()
            assert f"/{folder}/".encode() in data, path
            assert home + b"/" not in data, path
        checked += 1
    assert checked > 4000


def test_record_inside_describes_what_is_there(image: WalkedImage) -> None:
    owners: dict[str, str] = {}
    for path in [path for path in image.tree if re.fullmatch(rf"{SITE}/[^/]+\.dist-info/RECORD", path)]:
        for name, digest, size in csv.reader(io.StringIO(_text(image, path), newline="")):
            target = os.path.normpath(f"{SITE}/{name}")
            assert owners.setdefault(target, path) == path, f"{target} is in two RECORDs"
            found = image.file(target)
            assert found is not None, f"{path}: {name}"
            if digest:
                algorithm, _, wanted = digest.partition("=")
                got = hashlib.new(algorithm)
                for chunk in found.chunks():
                    got.update(chunk)
                assert (name, urlsafe_b64encode(got.digest()).rstrip(b"=").decode()) == (name, wanted)
                assert int(size) == found.info.size
    there = {path for path, entry in image.tree.items() if path.startswith(f"{SITE}/") and not entry.info.isdir()}
    unowned = {path for path in there - set(owners) if not path.endswith(".pyc")}
    assert unowned == set()
    assert len(owners) > 8000


def test_every_wheel_s_own_record_verifies_but_for_the_shipped_exceptions(
    image: WalkedImage, project: BuiltProject
) -> None:
    spec = load_spec(project.folder / "floe.yaml").spec
    lock = load_lock(project.folder / "floe.lock")
    platform = Platform.parse(image.platform)
    plan = make_plan(spec, lock, options=BuildOptions(), rendered=rendered_files(spec, lock))
    store = default_store()
    files = {file.sha256: store.path("downloads", file.sha256) for wheel in lock.wheels for _, file in wheel.files}
    left = exclusions(plan, files=files, store=store)
    kinds: Counter[str | None] = Counter()
    wheels = 0

    def read(path: str) -> Iterator[bytes] | None:
        found = image.tree.get(path)
        return found.chunks() if found is not None and found.info.isreg() else None

    for wheel in lock.wheels:
        file = wheel.file_for(platform)
        if file is None:
            continue
        shared = None in dict(wheel.files)
        source = WheelSource(
            path=files[file.sha256],
            file_name=file.name,
            name=wheel.name,
            version=wheel.version,
            platform=None if shared else platform,
        )
        wheels += 1
        for difference in check_record(source, read, left):
            assert difference.kind is not None, difference
            kinds[difference.kind] += 1
            assert difference.owner
            assert difference.reason
    assert check_record(runtime_source(_version(image)), read, left) == []
    assert wheels > 100
    # Each kind of exception is met, so the comparison compares.
    assert {"pruned", "stripped", "collided"} <= set(kinds)


def _version(image: WalkedImage) -> str:
    (found,) = [path for path in image.tree if re.fullmatch(rf"{SITE}/floe_runtime-[^/]+\.dist-info", path)]
    return found.rpartition("/floe_runtime-")[2].removesuffix(".dist-info")


def test_configuration(image: WalkedImage, project: BuiltProject) -> None:
    config = image.config["config"]
    assert image.config["os"] == "linux"
    assert image.config["architecture"] == image.platform.rpartition("/")[2]
    assert config["User"] == "10001:0"
    assert config["Volumes"] == {"/var/lib/floe": {}}
    env = dict(entry.split("=", 1) for entry in config["Env"])
    assert (env["HOME"], env["USER"]) == ("/tmp", "floe")
    for name in ("DBT_TARGET_PATH", "DBT_LOG_PATH"):
        assert env[name].startswith("/tmp/")
    assert image.file(config["Entrypoint"][0]) is not None
    assert "enabled: false" in _text(image, f"{env['DAGSTER_HOME']}/dagster.yaml")
    assert image.manifest["annotations"] == config["Labels"]


def test_a_build_over_max_size_names_the_largest_and_changes_nothing(flights: BuiltProject, tmp_path: Path) -> None:
    folder = copy_project(flights, tmp_path / "flights")
    spec = (folder / "floe.yaml").read_text()
    assert spec.count("max_size: 2GB") == 1
    (folder / "floe.yaml").write_text(spec.replace("max_size: 2GB", "max_size: 300MB"))
    before = _state(folder)
    done = floe(folder, "build", "--locked", "--output", "archives", check=False)
    assert done.returncode == 32, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    unpacked = flights.image("linux/amd64")["unpacked"] / 1e6
    assert re.search(rf"{unpacked:.1f} MB unpacked, more than the 300\.0 MB of image\.max_size; largest: ", line)
    largest = re.findall(r"([\w.-]+) (\d+\.\d) MB", line.partition("largest: ")[2])
    assert len(largest) == 5
    assert {"duckdb", "duckdb-extension-iceberg"} <= {name for name, _ in largest}
    assert [float(size) for _, size in largest] == sorted((float(size) for _, size in largest), reverse=True)
    assert done.stdout == ""
    assert _state(folder) == before


def _state(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
        for path in folder.rglob("*")
    }
