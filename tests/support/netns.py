"""Run commands in network namespaces that reach a test's own mirror and nothing else, and record every other attempt.

Needs root and iproute2. ``Island`` has one interface with an address and a default route into nowhere: whatever a
program sends to anybody but the island itself is seen at the other end of the interface and recorded, and so is every
question to the name server. Names that the island knows are in its own hosts file; names of a far shore are known to
the name server, and who is sent something there is recorded like anybody else, and may answer.
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
from typing import Any, TypeVar

ADDRESS = "192.0.2.10"  # RFC 5737: documentation addresses, nobody's
_ROUTER = "192.0.2.1"
_ADDRESS6, _ROUTER6 = "2001:db8::10", "2001:db8::1"  # RFC 3849: likewise
_ROUTER_HARDWARE = "02:00:00:00:00:01"
NAME_SERVER = "127.0.0.53"
_CLONE_NEWNET = 0x40000000
_OUTGOING = 4  # PACKET_OUTGOING of linux/if_packet.h
T = TypeVar("T")


@dataclass(kw_only=True)
class Island:
    name: str
    packets: list[str] = field(default_factory=list)  # "198.51.100.7:443/tcp": who was sent something
    questions: list[str] = field(default_factory=list)  # names that the name server was asked for
    shore: Mapping[str, str] = field(default_factory=dict)  # names of the far shore and their addresses

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
        return in_namespace(_path(self.name), make)

    def bring(self, name: str, port: int, to: int) -> None:
        """What is said to ``port`` of ``name``, on the far shore, goes to ``to`` of this machine's loopback."""
        listening = in_namespace(_path(_far(self.name)), lambda: socket.create_server((self.shore[name], port)))
        forward(listening, lambda: socket.create_connection(("127.0.0.1", to)))

    def door(self, port: int) -> int:
        """A port of this machine's loopback that leads to ``port`` of the island's loopback."""
        listening = socket.create_server(("127.0.0.1", 0))
        forward(listening, lambda: self.inside(lambda: socket.create_connection(("127.0.0.1", port))))
        return int(listening.getsockname()[1])


def in_namespace(namespace: Path, make: Callable[[], T]) -> T:
    """Call ``make`` in a thread that is in the network namespace of this file: a socket stays where it was made."""
    done: list[T] = []
    failed: list[BaseException] = []

    def work() -> None:
        try:
            with namespace.open() as opened:
                if ctypes.CDLL(None, use_errno=True).setns(opened.fileno(), _CLONE_NEWNET):
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
def island(*names: str, shore: Sequence[str] = (), of: int | None = None) -> Iterator[Island]:
    """A namespace of its own, in which ``names`` are ``ADDRESS``; gone afterwards.

    ``shore``: names of a far shore, where nobody answers unless `Island.bring` brings somebody. ``of``: a process whose
    namespace, which has nothing but a loopback, becomes the island; its name server has to be ``NAME_SERVER``.
    """
    if os.geteuid() != 0:
        raise PermissionError("network namespaces need root")
    addresses = {name: f"198.51.100.{number}" for number, name in enumerate(shore, 1)}  # RFC 5737
    found = Island(name=f"floe-{secrets.token_hex(4)}", shore=addresses)
    far = _far(found.name)
    etc = Path("/etc/netns") / found.name  # `ip netns exec` puts these over /etc's
    etc.mkdir(parents=True)
    (etc / "resolv.conf").write_text(f"nameserver {NAME_SERVER}\noptions timeout:1 attempts:1\n")
    (etc / "hosts").write_text(f"127.0.0.1 localhost\n{ADDRESS} {' '.join(names)}\n")
    _ip(*(("netns", "add", found.name) if of is None else ("netns", "attach", found.name, str(of))))
    _ip("netns", "add", far)
    sniffer = resolver = None
    try:
        for name, line in (
            (far, "link set lo up"),
            (found.name, "link set lo up"),
            (found.name, f"link add inner type veth peer name outer netns {far}"),
            (far, f"link set outer address {_ROUTER_HARDWARE}"),
            *((far, f"addr add {address}/32 dev lo") for address in addresses.values()),
            (far, f"addr add {_ROUTER}/24 dev outer"),
            (found.name, f"addr add {ADDRESS}/24 dev inner"),
            (found.name, f"-6 addr add {_ADDRESS6}/64 dev inner nodad"),
            (found.name, "link set inner up"),
            (far, "link set outer up"),
            (found.name, f"route add default via {_ROUTER} dev inner"),
            (found.name, f"neigh add {_ROUTER} lladdr {_ROUTER_HARDWARE} dev inner nud permanent"),
            (found.name, f"-6 route add default via {_ROUTER6} dev inner"),
            (found.name, f"-6 neigh add {_ROUTER6} lladdr {_ROUTER_HARDWARE} dev inner nud permanent"),
        ):
            _ip("-n", name, *line.split())
        sniffer = in_namespace(_path(far), _open_sniffer)
        resolver = found.inside(_open_resolver)
        threads = [
            threading.Thread(target=_sniff, args=(sniffer, found.packets), daemon=True),
            threading.Thread(target=_resolve, args=(resolver, found.questions, addresses), daemon=True),
        ]
        for thread in threads:
            thread.start()
        yield found
    finally:
        for opened in (sniffer, resolver):
            if opened is not None:
                opened.close()
        for name in (found.name, far):
            subprocess.run(["ip", "netns", "del", name], check=False)
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


def _path(name: str) -> Path:
    return Path("/run/netns") / name


def _far(name: str) -> str:
    return f"{name}-far"


def forward(listening: socket.socket, connect: Callable[[], socket.socket]) -> None:
    """Until the test's process ends: whoever connects speaks with whom ``connect`` reaches."""

    def serve() -> None:
        while True:
            near, _ = listening.accept()
            try:
                far = connect()
            except OSError:
                near.close()
                continue
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=_pump, args=(one, other), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()


def _pump(one: socket.socket, other: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := one.recv(1 << 16):
            other.sendall(data)
    with contextlib.suppress(OSError):
        other.shutdown(socket.SHUT_WR)


def _open_sniffer() -> socket.socket:
    sniffer = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    sniffer.bind(("outer", 0))
    sniffer.settimeout(0.5)
    return sniffer


def _open_resolver() -> socket.socket:
    resolver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    resolver.bind((NAME_SERVER, 53))
    resolver.settimeout(0.5)
    return resolver


def _frames(opened: socket.socket) -> Iterator[tuple[bytes, Any]]:
    while opened.fileno() != -1:
        try:
            yield opened.recvfrom(65535)
        except TimeoutError:
            continue
        except OSError:
            return


def _sniff(sniffer: socket.socket, packets: list[str]) -> None:
    for frame, (_, _, direction, *_) in _frames(sniffer):
        if direction == _OUTGOING:  # what the far shore answers
            continue
        kind = struct.unpack("!H", frame[12:14])[0]
        if kind == 0x0806:
            if frame[20:22] == b"\0\1":  # a question
                packets.append(f"{socket.inet_ntoa(frame[38:42])}/arp")
        elif kind == 0x0800:
            _note(packets, socket.inet_ntoa(frame[30:34]), frame[23], frame[14 + (frame[14] & 15) * 4 :])
        elif kind == 0x86DD and frame[38] != 0xFF:  # not multicast: the kernel's own neighbour discovery
            _note(packets, f"[{socket.inet_ntop(socket.AF_INET6, frame[38:54])}]", frame[20], frame[54:])


def _note(packets: list[str], address: str, protocol: int, payload: bytes) -> None:
    name = {6: "tcp", 17: "udp"}.get(protocol, str(protocol))
    port = struct.unpack("!H", payload[2:4])[0] if protocol in (6, 17) else 0
    packets.append(f"{address}:{port}/{name}")


def _resolve(resolver: socket.socket, questions: list[str], known: Mapping[str, str]) -> None:
    """Write every question down and answer that there is no such name, unless it is known: RFC 1035, section 4."""
    for query, client in _frames(resolver):
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1 : at + 1 + query[at]].decode("ascii", "replace"))
            at += 1 + query[at]
        name = ".".join(labels).lower()
        questions.append(name)
        asked, kind = query[12 : at + 5], struct.unpack("!H", query[at + 1 : at + 3])[0]
        answer = b""
        if name in known and kind == 1:
            answer = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 0, 4) + socket.inet_aton(known[name])
        head = query[:2] + (b"\x81\x80" if name in known else b"\x81\x83") + query[4:6]
        with contextlib.suppress(OSError):
            resolver.sendto(head + struct.pack("!HHH", bool(answer), 0, 0) + asked + answer, client)
