"""The compressor's bytes do not depend on the processor: natively, on an x86 without SSE4.2 and AVX, and on arm64."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.support import outside_cpu

pytestmark = pytest.mark.network

ROOT = Path(__file__).parents[2]
FIXTURE = """
import hashlib, platform, random
dice = random.Random(7)
words = [dice.randbytes(dice.randrange(2, 12)).hex() for _ in range(3000)]
text = " ".join(dice.choice(words) for _ in range(120_000)).encode()
blocks = [text, dice.randbytes(1 << 20), bytes(1 << 20), bytes(range(256)) * 8192]
"""
FLOE = "from floe_images.engine.assemble.gzip import member\ndone = member(blocks)\n"
ISAL = "from isal import igzip_lib\ndone = igzip_lib.compress(b''.join(blocks), 1)\n"
SAY = "print(platform.machine(), hashlib.sha256(done).hexdigest())\n"


def compress(python: list[str], machine: str, code: str) -> tuple[str, str]:
    """(machine, sha256 of the compressed bytes)."""
    packages = outside_cpu.python_packages(machine, "zlib-ng==1.1.0", "isal==1.7.2")
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{packages}:{ROOT}", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [*python, "-S", "-c", FIXTURE + code + SAY]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    said, digest = done.stdout.split()
    return said, digest


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="compares an x86 with itself and with arm64")
def test_three_processors_one_result() -> None:
    here = compress(outside_cpu.native(), "x86_64", FLOE)
    assert here[0] == "x86_64"
    assert compress(outside_cpu.old_x86(), "x86_64", FLOE) == here
    assert compress(outside_cpu.arm64(), "aarch64", FLOE) == ("aarch64", here[1])


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="compares an x86 with itself and with arm64")
def test_the_processors_do_differ() -> None:
    """A compressor whose bytes are known to depend on the processor gives other ones, so the test above can fail."""
    results = {
        compress(outside_cpu.native(), "x86_64", ISAL)[1],
        compress(outside_cpu.old_x86(), "x86_64", ISAL)[1],
        compress(outside_cpu.arm64(), "aarch64", ISAL)[1],
    }
    assert len(results) > 1
