"""Run commands in network namespaces that reach a test's own mirror and nothing else, and record every other attempt.

Needs root and iproute2. ``Island`` has one interface with an address and a default route into nowhere: whatever a
program sends to anybody but the island itself is seen at the other end of the interface and recorded, and so is every
question to the name server. Names that the island knows are in its own hosts file.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import secrets
import socket
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

ADDRESS = "192.0.2.10"  # RFC 5737: documentation addresses, nobody's
_ROUTER = "192.0.2.1"
_NAME_SERVER = "127.0.0.53"
_CLONE_NEWNET = 0x40000000
T = TypeVar("T")


@dataclass(kw_only=True)
class Island:
    name: str
    packets: list[str] = field(default_factory=list)  # "198.51.100.7:443/tcp": who was sent something
    questions: list[str] = field(default_factory=list)  # names that the name server was asked for

    def run(
        self,
        command: Sequence[str | Path],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        timeout: float = 900,
    ) -> subprocess.CompletedProcess[str]:
        """Run ``command`` inside and wait; its exit code is the caller's to judge."""
        inside = ["ip", "netns", "exec", self.name, *map(str, command)]
        return subprocess.run(inside, env=env, cwd=cwd, timeout=timeout, capture_output=True, text=True)

    def listen(self, port: int = 443) -> socket.socket:
        """A listening socket inside, for a server that runs outside."""
        return self.inside(lambda: socket.create_server((ADDRESS, port)))

    def inside(self, make: Callable[[], T]) -> T:
        """Call ``make`` in a thread that is inside: a socket stays where it was made."""
        done: list[T] = []
        failed: list[BaseException] = []

        def work() -> None:
            try:
                with open(f"/run/netns/{self.name}") as namespace:
                    if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), _CLONE_NEWNET):
                        raise OSError(ctypes.get_errno(), "setns")
                done.append(make())
            except BaseException as error:
                failed.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        if failed:
            raise failed[0]
        return done[0]


@contextlib.contextmanager
def island(*names: str) -> Iterator[Island]:
    """A namespace of its own, in which ``names`` are ``ADDRESS``; gone afterwards."""
    if os.geteuid() != 0:
        raise PermissionError("network namespaces need root")
    found = Island(name=f"floe-{secrets.token_hex(4)}")
    etc = Path("/etc/netns") / found.name  # `ip netns exec` puts these over /etc's
    etc.mkdir(parents=True)
    (etc / "resolv.conf").write_text(f"nameserver {_NAME_SERVER}\noptions timeout:1 attempts:1\n")
    (etc / "hosts").write_text(f"127.0.0.1 localhost\n{ADDRESS} {' '.join(names)}\n")
    _ip("netns", "add", found.name)
    sniffer = resolver = None
    try:
        for line in (
            "link set lo up",
            "link add inner type veth peer name outer",
            f"addr add {ADDRESS}/24 dev inner",
            "link set inner up",
            "link set outer up",
            f"route add default via {_ROUTER} dev inner",
            f"neigh add {_ROUTER} lladdr 02:00:00:00:00:01 dev inner nud permanent",
        ):
            _ip("-n", found.name, *line.split())
        sniffer = found.inside(_open_sniffer)
        resolver = found.inside(_open_resolver)
        threads = [
            threading.Thread(target=_sniff, args=(sniffer, found.packets), daemon=True),
            threading.Thread(target=_resolve, args=(resolver, found.questions), daemon=True),
        ]
        for thread in threads:
            thread.start()
        yield found
    finally:
        for opened in (sniffer, resolver):
            if opened is not None:
                opened.close()
        subprocess.run(["ip", "netns", "del", found.name], check=False)
        for path in etc.iterdir():
            path.unlink()
        etc.rmdir()


def run_without_network(
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout: float = 900,
) -> subprocess.CompletedProcess[str]:
    """Run ``command`` where no route leads anywhere, not even to this machine."""
    inside = ["unshare", "-n", *map(str, command)]
    return subprocess.run(inside, env=env, cwd=cwd, timeout=timeout, capture_output=True, text=True)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


def _open_sniffer() -> socket.socket:
    sniffer = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    sniffer.bind(("outer", 0))
    sniffer.settimeout(0.5)
    return sniffer


def _open_resolver() -> socket.socket:
    resolver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    resolver.bind((_NAME_SERVER, 53))
    resolver.settimeout(0.5)
    return resolver


def _frames(opened: socket.socket) -> Iterator[tuple[bytes, tuple[str, int]]]:
    while opened.fileno() != -1:
        try:
            yield opened.recvfrom(65535)
        except TimeoutError:
            continue
        except OSError:
            return


def _sniff(sniffer: socket.socket, packets: list[str]) -> None:
    for frame, _ in _frames(sniffer):
        kind = struct.unpack("!H", frame[12:14])[0]
        if kind == 0x0806:
            packets.append(f"{socket.inet_ntoa(frame[38:42])}/arp")
        elif kind == 0x0800:
            _note(packets, socket.inet_ntoa(frame[30:34]), frame[23], frame[14 + (frame[14] & 15) * 4 :])
        elif kind == 0x86DD and frame[38] != 0xFF:  # not multicast: the kernel's own neighbour discovery
            _note(packets, f"[{socket.inet_ntop(socket.AF_INET6, frame[38:54])}]", frame[20], frame[54:])


def _note(packets: list[str], address: str, protocol: int, payload: bytes) -> None:
    name = {6: "tcp", 17: "udp"}.get(protocol, str(protocol))
    port = struct.unpack("!H", payload[2:4])[0] if protocol in (6, 17) else 0
    packets.append(f"{address}:{port}/{name}")


def _resolve(resolver: socket.socket, questions: list[str]) -> None:
    """Write every question down and answer that there is no such name."""
    for query, client in _frames(resolver):
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1 : at + 1 + query[at]].decode("ascii", "replace"))
            at += 1 + query[at]
        questions.append(".".join(labels))
        with contextlib.suppress(OSError):
            resolver.sendto(query[:2] + b"\x81\x83" + query[4:6] + bytes(6) + query[12 : at + 5], client)
