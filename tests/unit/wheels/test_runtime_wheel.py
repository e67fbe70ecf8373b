"""The wheel that the toolkit makes from itself: what is in it, what is not, and that it is one."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import zipfile
from pathlib import Path

from packaging.metadata import Metadata
from packaging.requirements import Requirement

from floe_images.engine.assemble.runtime_wheel import runtime_source, runtime_wheel
from floe_images.engine.assemble.wheel import wheel_entries
from floe_images.lock.requirements import RUNTIME
from tests.support.wheels import unpacked

SITE = "usr/local/lib/python3.11/dist-packages"


def test_only_the_inside_of_the_image_is_in_it() -> None:
    name, data = runtime_wheel("1.2.3")
    assert name == "floe_runtime-1.2.3-py3-none-any.whl"
    names = zipfile.ZipFile(io.BytesIO(data)).namelist()
    assert names == sorted(names)
    tops = {path.split("/")[0] if ".dist-info" in path else "/".join(path.split("/")[:2]) for path in names}
    assert tops == {
        "floe_images/__init__.py",
        "floe_images/artifacts",
        "floe_images/errors.py",
        "floe_images/py.typed",
        "floe_images/runtime",
        "floe_runtime-1.2.3.dist-info",
    }
    assert not [path for path in names if path.endswith(".pyc") or "__pycache__" in path]


def test_its_metadata_asks_for_what_the_runtime_needs() -> None:
    _, data = runtime_wheel("1.2.3")
    text = zipfile.ZipFile(io.BytesIO(data)).read("floe_runtime-1.2.3.dist-info/METADATA")
    metadata = Metadata.from_email(text)
    assert (metadata.name, str(metadata.version), str(metadata.requires_python)) == ("floe-runtime", "1.2.3", ">=3.11")
    assert [str(each) for each in metadata.requires_dist or ()] == [str(Requirement(each)) for each in RUNTIME]


def test_it_unpacks_like_any_wheel_and_starts_without_the_toolkit(tmp_path: Path) -> None:
    found = unpacked(wheel_entries(runtime_source("1.2.3")))
    assert found["usr/local/bin/floe-runtime"][1].splitlines()[3] == b"from floe_images.runtime.main import main"
    for path, (_, data) in found.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)
    program = "import sys; sys.argv = ['floe-runtime', '--version']; from floe_images.runtime.main import main; main()"
    command = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(tmp_path / SITE)!r}); {program}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("floe-runtime ")


def test_another_process_makes_the_same_bytes() -> None:
    program = (
        "import hashlib; from floe_images.engine.assemble.runtime_wheel import runtime_wheel;"
        "print(hashlib.sha256(runtime_wheel('1.2.3')[1]).hexdigest())"
    )

    env = {"PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo", "PATH": ""}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=env, check=True)
    assert done.stdout.strip() == hashlib.sha256(runtime_wheel("1.2.3")[1]).hexdigest()
