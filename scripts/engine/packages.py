"""Debian packages of the private engine, unpacked into a folder of its own: nothing is installed on the machine.

apt is used with lists, cache, preferences and sources of its own (made from the machine's Debian sources, so that a
mirror set up there serves here too); only what apt would have to install is downloaded and unpacked.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

FROM_TRIXIE = ("containerd", "docker-buildx", "docker-cli", "docker-compose", "docker.io")
FROM_BOOKWORM = ("busybox-static", "iproute2", "iptables", "qemu-user-static", "runc")
# Whoever changes what is unpacked, or how, gives it a new number, so that older folders are made anew.
GENERATION = "1"

_PIN = f"""\
Package: *
Pin: release n=trixie
Pin-Priority: -1

Package: {" ".join(FROM_TRIXIE)}
Pin: release n=trixie
Pin-Priority: 995
"""


class SetupError(Exception):
    """What is missing for an engine on this machine, on one line."""


def why_not_here() -> str | None:
    """Why no private engine can be put up on this machine; None where it can."""
    if platform.system() != "Linux" or not Path("/etc/debian_version").exists():
        return "a private engine is made from Debian's packages, and this is not Debian"
    if os.geteuid() != 0:
        return "a private engine needs root"
    release = dict(re.findall(r'^(\w+)="?([^"\n]*)"?$', Path("/etc/os-release").read_text(), re.MULTILINE))
    if release.get("VERSION_CODENAME") != "bookworm":
        return f"a private engine is made for Debian 12 (bookworm), not for {release.get('PRETTY_NAME', 'this')}"
    return None


def ensure_packages(home: Path) -> Path:
    """The folder with the unpacked packages; made on the first call (about 100 MB from the machine's Debian mirror)."""
    root = home / f"packages-{GENERATION}"
    if (root / ".complete").exists():
        return root
    work = home / "apt"
    shutil.rmtree(work, ignore_errors=True)
    shutil.rmtree(root, ignore_errors=True)
    apt = _private_apt(work)
    _run([*apt, "update"])
    install = ["--yes", "--no-install-recommends", "install", *FROM_TRIXIE, *FROM_BOOKWORM]
    _check_simulation(_run([*apt, "--simulate", *install]))
    _run([*apt, "--download-only", *install])
    for deb in sorted((work / "cache" / "archives").glob("*.deb")):
        _run(["dpkg-deb", "--extract", str(deb), str(root)])
    _link_iptables(root)
    (root / ".complete").touch()
    shutil.rmtree(work)
    return root


def environment(root: Path) -> dict[str, str]:
    """PATH and library folders under which the unpacked programs find each other, before the machine's own."""
    folders = [root / folder for folder in ("usr/sbin", "usr/bin", "sbin", "bin")]
    libraries = [path for top in ("usr/lib", "lib") for path in (root / top).glob("*-linux-gnu")]
    path = ":".join([*map(str, folders), "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"])
    found = {"PATH": path, "LD_LIBRARY_PATH": ":".join(map(str, libraries))}
    extensions = [path / "xtables" for path in libraries if (path / "xtables").is_dir()]
    if extensions:
        found["XTABLES_LIBDIR"] = str(extensions[0])
    return found


def _private_apt(work: Path) -> list[str]:
    for folder in ("lists/partial", "cache/archives/partial", "sources", "preferences.d"):
        (work / folder).mkdir(parents=True)
    private = ["apt-get", "-q", f"-oDir::State::Lists={work / 'lists'}", f"-oDir::Cache={work / 'cache'}"]
    private += ["-oDebug::NoLocking=1", "-oAPT::Sandbox::User=root", "-oAcquire::Languages=none"]
    mirrors = _debian_mirrors(private)
    main = next((uri for uri, suite in mirrors if suite == "bookworm"), None)
    if main is None:
        raise SetupError("the machine's apt sources name no Debian mirror for bookworm that answers")
    lines = [f"deb {uri} {suite} main\n" for uri, suite in [*mirrors, (main, "trixie")]]
    (work / "sources" / "engine.list").write_text("".join(lines))
    (work / "preferences").write_text(_PIN)
    return [
        *private,
        "-oDir::Etc::SourceList=/dev/null",
        f"-oDir::Etc::SourceParts={work / 'sources'}",
        f"-oDir::Etc::Preferences={work / 'preferences'}",
        f"-oDir::Etc::PreferencesParts={work / 'preferences.d'}",
    ]


def _debian_mirrors(private: list[str]) -> list[tuple[str, str]]:
    """(URI, suite) of the machine's apt sources for bookworm, its updates and security; nobody else's."""
    # A source of somebody else's that does not answer is no reason to stop.
    subprocess.run([*private, "update"], capture_output=True)
    listed = _run(
        [*private, "indextargets", "--format", "$(ORIGIN) $(REPO_URI) $(CODENAME) $(COMPONENT) $(CREATED_BY)"]
    )
    pattern = re.compile(r"^Debian (\S+) (bookworm(?:-updates|-security)?) main Packages$", re.MULTILINE)
    return sorted(set(pattern.findall(listed)))


def _link_iptables(root: Path) -> None:
    # update-alternatives would make these links; the nft backend needs no kernel module of its own.
    for name in ("iptables", "iptables-save", "iptables-restore", "ip6tables", "ip6tables-save", "ip6tables-restore"):
        if not (root / "usr/sbin" / name).exists() and (root / "usr/sbin/xtables-nft-multi").exists():
            (root / "usr/sbin" / name).symlink_to("xtables-nft-multi")


def _check_simulation(text: str) -> None:
    touched = re.findall(r"^(Inst|Remv) (\S+)", text, re.MULTILINE)
    removed = [name for verb, name in touched if verb == "Remv"]
    if removed or any(name.split(":")[0] in ("libc6", "libc-bin") for _, name in touched):
        raise SetupError("apt would change libc6 or remove packages for the engine; nothing was done")


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"})
    if done.returncode != 0:
        last = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()][-1:]
        raise SetupError(f"{command[0]} failed: {last[0] if last else done.returncode}")
    return done.stdout
