"""Programs of Maven's for tests: the jars of ``requirements/NAME/pom.xml``, each of which has its hash there, kept."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

from tests.support.flights import ROOT
from tests.support.locked import file_lock
from tests.support.pinned import CACHE

_GOAL = "org.apache.maven.plugins:maven-dependency-plugin:2.8:copy-dependencies"


def why_not() -> str | None:
    """One line where there is no Java, or no Maven to fetch with."""
    missing = [name for name in ("java", "mvn") if shutil.which(name) is None]
    if not missing:
        return None
    return f"no {' and no '.join(missing)} on this machine (Debian's openjdk-17-jre-headless and maven)"


def jars(name: str) -> Path:
    """The folder of the jars, beside which a test may keep what it makes of them once."""
    pom, hashes = (ROOT / "requirements" / name / each for each in ("pom.xml", "sha256.txt"))
    folder = CACHE / name / hashlib.sha256(pom.read_bytes() + hashes.read_bytes()).hexdigest()[:16]
    with file_lock(folder.with_suffix(".lock")):
        if not (folder / "ready").exists():
            shutil.rmtree(folder, ignore_errors=True)
            command = ["mvn", "--quiet", "--batch-mode", "--file", str(pom), _GOAL, f"-DoutputDirectory={folder}/jars"]
            done = subprocess.run(command, capture_output=True, text=True)
            assert done.returncode == 0, f"{' '.join(command)}: {done.stdout[-3000:]}"
            found = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in (folder / "jars").iterdir()}
            assert found == _pinned(hashes), f"Maven gave other jars than {hashes} names"
            (folder / "ready").touch()
    return folder / "jars"


def _pinned(file: Path) -> dict[str, str]:
    """As sha256sum writes it."""
    lines = (line.split() for line in file.read_text().splitlines())
    return {name: digest for digest, name in lines}
