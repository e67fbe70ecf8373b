"""Measure what each rule of floe_images/data/prune.toml saves on real packages, and that no kept module misses one.

    python scripts/measure_prune.py FOLDER…            compare with the file's figures; exit code 1 where they are off
    python scripts/measure_prune.py --write FOLDER…    write the figures into the file

FOLDER holds wheels and Debian packages of one platform (a floe cache's files under their own names, `pip download`,
`apt-get download`). Figures are MB (10^6 bytes) unpacked, for the first rule that matches a path.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tarfile
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from packaging.utils import parse_wheel_filename

from floe_images.engine.assemble.prune import prune_rules
from floe_images.engine.assemble.wheel_layout import read_layout, site_path
from floe_images.engine.assemble.wheel_zip import WheelZip

RULES = Path(__file__).parent.parent / "floe_images" / "data" / "prune.toml"
TOLERANCE = 0.25  # of a figure, and at least 0.2 MB: packages grow between releases


def main(arguments: list[str]) -> int:
    folders = [Path(each) for each in arguments if not each.startswith("--")]
    if not folders:
        print(__doc__, file=sys.stderr)
        return 2
    saved: Counter[str] = Counter()
    total = 0
    modules: dict[str, str] = {}
    sources: dict[str, bytes] = {}
    for wheel in sorted(path for folder in folders for path in folder.glob("*.whl")):
        total += _wheel(wheel, saved, modules, sources)
    for deb in sorted(path for folder in folders for path in folder.glob("*.deb")):
        total += _deb(deb, saved)
    missing = sorted(_missing(modules, sources))
    for line in missing:
        print(line)
    off = _compare(saved)
    print(f"{'all rules':24}{sum(saved.values()) / 1e6:8.1f} of {total / 1e6:.1f} MB")
    if "--write" in arguments:
        _write(saved)
        return 1 if missing else 0
    return 1 if missing or off else 0


def _wheel(path: Path, saved: Counter[str], modules: dict[str, str], sources: dict[str, bytes]) -> int:
    name, version, _, _ = parse_wheel_filename(path.name)
    pruner = prune_rules().pruner("wheel", name)
    with WheelZip(path, path.name) as wheel:
        layout = read_layout(wheel, file_name=path.name, name=name, version=str(version))
        for placed in layout.placed:
            inside = site_path(placed.path)
            rule = pruner.rule_for(inside)
            if rule:
                saved[rule.id] += placed.member.size
            if module := _module(inside):
                if modules.setdefault(module, "") == "" and rule:
                    modules[module] = rule.id
                if not rule and inside.endswith(".py"):
                    sources[inside] = b"".join(wheel.stream(placed.member))
        return sum(placed.member.size for placed in layout.placed)


def _deb(path: Path, saved: Counter[str]) -> int:
    pruner = prune_rules().pruner("deb", path.name.split("_")[0])
    total = 0
    with (
        subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(path)], stdout=subprocess.PIPE) as process,
        tarfile.open(fileobj=process.stdout, mode="r|") as archive,
    ):
        for member in archive:
            if member.isfile():
                total += member.size
                inside = re.sub(r"^(bin|sbin|lib|lib64)/", r"usr/\1/", member.name.removeprefix("./"))
                if rule := pruner.rule_for(inside):
                    saved[rule.id] += member.size
    return total


def _module(path: str) -> str | None:
    folder, _, file = path.rpartition("/")
    stem = file[:-3] if file.endswith(".py") else file.split(".")[0] if file.endswith(".so") else None
    if stem is None or not all(part.isidentifier() for part in [*filter(None, folder.split("/")), stem]):
        return None
    parts = [*filter(None, folder.split("/")), stem]
    return ".".join(parts[:-1] if stem == "__init__" else parts)


def _missing(modules: dict[str, str], sources: dict[str, bytes]) -> Iterator[str]:
    gone = {module: rule for module, rule in modules.items() if rule}
    for path, source in sources.items():
        for name in _imported(path, source):
            if name in gone:
                yield f"{path} imports {name}, which rule {gone[name]} takes away"


def _imported(path: str, source: bytes) -> Iterator[str]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return
    package = path.split("/")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *filter(None, [node.module])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _compare(saved: Counter[str]) -> list[str]:
    off = []
    for rule in prune_rules().rules:
        found = saved[rule.id] / 1e6
        wrong = abs(found - rule.saves) > max(0.2, TOLERANCE * rule.saves)
        print(f"{rule.id:24}{found:8.1f} MB   the file says {rule.saves}{'   <- differs' if wrong else ''}")
        off += [rule.id] if wrong else []
    return off


def _write(saved: Counter[str]) -> None:
    parts = RULES.read_text("utf-8").split("[[rule]]\n")
    for index, part in enumerate(parts):
        if named := re.match(r'id = "([^"]+)"', part):
            parts[index] = re.sub(r"^saves = .*$", f"saves = {saved[named[1]] / 1e6:.1f}", part, flags=re.MULTILINE)
    temporary = RULES.with_suffix(".tmp")
    temporary.write_text("[[rule]]\n".join(parts), "utf-8")
    temporary.replace(RULES)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
