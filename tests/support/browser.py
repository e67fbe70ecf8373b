"""A real headless Chromium (Debian's) for tests of the UI, and a way into a container that has no network.

The browser is downloaded and unpacked under the user's cache; nothing is installed.
"""

from __future__ import annotations

import importlib.util
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.engine import TestEngine
from tests.support.locked import file_lock

ROOT = Path(__file__).parents[2]
_CACHE = Path.home() / ".cache" / "floe-tests" / "browser"
_PACKAGES = ("chromium-headless-shell", "fonts-dejavu-core")

_INSIDE = """
import os, socket, sys, threading
other = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
def back():
    while data := other.recv(65536):
        os.write(1, data)
    os._exit(0)
threading.Thread(target=back, daemon=True).start()
while data := os.read(0, 65536):
    other.sendall(data)
other.shutdown(socket.SHUT_WR)
threading.Event().wait(5)
"""


@contextmanager
def chromium() -> Iterator[Any]:
    """A Playwright browser that reaches 127.0.0.1 and resolves no other name."""
    from playwright.sync_api import sync_playwright

    root = _unpacked()
    libraries = [root / "usr/lib/x86_64-linux-gnu", root / "usr/lib/aarch64-linux-gnu"]
    paths = [path / more for path in libraries for more in ("", "pulseaudio") if (path / more).is_dir()]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=root / "usr/lib/chromium/chromium-headless-shell",
            args=["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"],
            env={"LD_LIBRARY_PATH": ":".join(map(str, paths)), "XDG_DATA_DIRS": str(root / "usr/share"),
                 "FONTCONFIG_FILE": str(_fonts(root))},
        )  # fmt: skip
        try:
            yield browser
        finally:
            browser.close()


def _unpacked() -> Path:
    """The folder with the browser and the libraries that this machine lacks."""
    _CACHE.mkdir(parents=True, exist_ok=True)
    with file_lock(_CACHE.with_suffix(".lock")):
        if not (_CACHE / "ready").exists():
            spec = importlib.util.spec_from_file_location("floe_outside_install", ROOT / "scripts/outside/install.py")
            assert spec
            assert spec.loader
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            module.unpack(_CACHE, _PACKAGES)
            (_CACHE / "ready").touch()
    return _CACHE / "root"


def _fonts(root: Path) -> Path:
    """A fontconfig of our own: the machine may have none."""
    file = _CACHE / "fonts.conf"
    file.write_text(
        '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>'
        f"<dir>{root}/usr/share/fonts</dir><cachedir>{_CACHE}/fonts</cachedir></fontconfig>"
    )
    return file


@contextmanager
def relayed(engine: TestEngine, container: str, port: int) -> Iterator[int]:
    """A port of this machine's loopback that leads to ``port`` inside of the container, by `docker exec`.

    It needs no network of the container's: one that has none can be shown in a browser.
    """
    listening = socket.create_server(("127.0.0.1", 0))
    running: list[subprocess.Popen[bytes]] = []

    def serve(connection: socket.socket) -> None:
        command = ["docker", "exec", "-i", container, "/usr/bin/python3.11", "-c", _INSIDE, str(port)]
        child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=engine.env, bufsize=0
        )
        running.append(child)
        threading.Thread(target=forth, args=(connection, child), daemon=True).start()
        assert child.stdout
        try:
            while data := child.stdout.read(65536):
                connection.sendall(data)
        except OSError:
            pass
        finally:
            connection.close()
            child.kill()
            child.wait()

    def forth(connection: socket.socket, child: subprocess.Popen[bytes]) -> None:
        assert child.stdin
        try:
            while data := connection.recv(65536):
                child.stdin.write(data)
            child.stdin.close()
        except OSError:
            pass

    def accept() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield int(listening.getsockname()[1])
    finally:
        listening.close()
        for child in running:
            child.kill()
