"""What listens in each container of the platform; nothing of it is reached but what is published, on loopback."""

from __future__ import annotations

import secrets
import socket
import subprocess
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.netns import in_namespace
from tests.support.platforms import SERVING, Platform

pytestmark = pytest.mark.engine
ANY, LOOPBACK = "any", "loopback"
# The engine's own name server, on an address that only the container itself reaches and ports that change.
_NAMES = "127.0.0.11"
LISTENING = {
    "code-server": {(ANY, 4000)},  # gRPC, for daemon and webserver
    "daemon": set(),
    "webserver": {(ANY, 3000)},
    "postgres": {(ANY, 5432)},
    # 8181: catalog, 8333: S3, 18333: its inner messages, which it takes with the key alone that `lake-init` made.
    "lake": {(ANY, 8181), (ANY, 8333), (ANY, 18333)}
    | {(LOOPBACK, port) for port in (8080, 18080, 8888, 18888, 9333, 19333)},  # volumes, filer, master
}  # fmt: skip


def _address(text: str) -> str:
    """An address as /proc/net writes it: words of 32 bits, in the machine's byte order. proc_net_tcp(5)."""
    data = b"".join(bytes.fromhex(text[at : at + 8])[::-1] for at in range(0, len(text), 8))
    return socket.inet_ntop(socket.AF_INET if len(data) == 4 else socket.AF_INET6, data)


def listening(process: int) -> set[tuple[str, int]]:
    """(address, port) of TCP that is listened on, and of UDP that is bound, in a process' network namespace."""
    found = set()
    for kind in ("tcp", "tcp6", "udp", "udp6"):
        for line in Path(f"/proc/{process}/net/{kind}").read_text().splitlines()[1:]:
            local, state = line.split()[1], line.split()[3]
            if state == "0A" or kind.startswith("udp"):
                address, _, port = local.partition(":")
                found.add((_address(address), int(port, 16)))
    return found


def _word(address: str) -> str:
    return {"0.0.0.0": ANY, "::": ANY, "127.0.0.1": LOOPBACK, "::1": LOOPBACK}.get(address, address)


@pytest.mark.parametrize("service", SERVING)
def test_exactly_these_sockets_listen(platform: Platform, service: str) -> None:
    found = {(_word(address), port) for address, port in listening(platform.process(service)) if address != _NAMES}
    assert found == LISTENING[service]


def published(platform: Platform) -> dict[str, set[tuple[str, int]]]:
    """Service → (address of the machine, port of the container) of what the engine publishes."""
    return {
        service: {
            (binding["HostIp"], int(inner.partition("/")[0]))
            for inner, bindings in (each["NetworkSettings"]["Ports"] or {}).items()
            for binding in bindings or ()
        }
        for service, each in platform.containers().items()
        if each["State"]["Running"]
    }


def test_what_is_published_is_on_loopback_alone(platform: Platform) -> None:
    assert published(platform) == {
        "code-server": set(),
        "daemon": set(),
        "lake": {("127.0.0.1", 8181), ("127.0.0.1", 8333)},
        "postgres": {("127.0.0.1", 5432)},
        "webserver": {("127.0.0.1", 3000)},
    }
    ports = platform.ports
    ours = {ports.web, ports.postgres, ports.catalog, ports.s3}
    process = int(platform.outside().parts[2])
    assert {(address, port) for address, port in listening(process) if port in ours} == {
        ("127.0.0.1", port) for port in ours
    }


def _answers(namespace: Path, address: str, port: int) -> bool:
    def connect() -> bool:
        try:
            socket.create_connection((address, port), timeout=3).close()
        except OSError:
            return False
        return True

    return in_namespace(namespace, connect)


def _addresses(namespace: Path) -> set[str]:
    """Of the machine itself, in a namespace: /proc/net/fib_trie has them as LOCAL, the loopback's left out."""
    lines = (namespace.parent.parent / "net" / "fib_trie").read_text().splitlines()
    found = {lines[at - 1].split()[-1] for at, line in enumerate(lines) if "/32 host LOCAL" in line}
    return {address for address in found if not address.startswith("127.")}


def reached(namespace: Path, addresses: Iterable[str], ports: Iterable[int]) -> set[tuple[str, int]]:
    """Those of all pairs that answer, asked at once."""
    pairs = [(address, port) for address in addresses for port in ports]
    with ThreadPoolExecutor(len(pairs)) as pool:
        answered = pool.map(lambda pair: _answers(namespace, *pair), pairs)
        return {pair for pair, good in zip(pairs, answered, strict=True) if good}


@contextmanager
def neighbour(engine: Path) -> Iterator[tuple[Path, str]]:
    """The network namespace of another machine on a network of the engine's own, which sends everything that way; and
    the engine's address there."""
    name, link = f"floe-{secrets.token_hex(4)}", f"nb{secrets.token_hex(4)}"
    there = ("nsenter", f"--net={engine}", "ip")
    steps: tuple[tuple[str, ...], ...] = (
        ("ip", "netns", "add", name),
        (*there, "link", "add", link, "type", "veth", "peer", "name", "lan", "netns", name),
        (*there, "address", "add", "198.51.100.1/30", "dev", link),  # RFC 5737: nobody's
        (*there, "link", "set", link, "up"),
        ("ip", "-n", name, "address", "add", "198.51.100.2/30", "dev", "lan"),
        ("ip", "-n", name, "link", "set", "lan", "up"),
        ("ip", "-n", name, "route", "add", "default", "via", "198.51.100.1"),
    )
    try:
        for step in steps:
            subprocess.run(step, check=True, capture_output=True)
        yield Path("/run/netns") / name, "198.51.100.1"
    finally:
        subprocess.run(["ip", "netns", "del", name], check=False)


def test_nothing_answers_on_another_address_of_the_machine(platform: Platform) -> None:
    ports, engine = platform.ports, platform.outside()
    every = (ports.web, ports.postgres, ports.catalog, ports.s3)
    assert reached(engine, ["127.0.0.1"], every) == {("127.0.0.1", port) for port in every}
    others = _addresses(engine)
    assert others
    assert reached(engine, others, every) == set()


def test_another_machine_reaches_nothing(platform: Platform) -> None:
    """One that knows the addresses of containers, too, and sends what is for them to the engine's machine.

    Engines before 28 let such a neighbour in to the ports that are published on loopback, and to no others:
    https://docs.docker.com/engine/network/port-publishing/.
    """
    ports, engine = platform.ports, platform.outside()
    every = (ports.web, ports.postgres, ports.catalog, ports.s3)
    inner = (3000, 4000, 5432, 8181, 8333, 18333)
    addresses, known = set(), set()
    for service, each in platform.containers().items():
        for name, network in each["NetworkSettings"]["Networks"].items():
            if network["IPAddress"]:
                addresses.add(network["IPAddress"])
                if name.endswith("_outside"):
                    known |= {(network["IPAddress"], port) for _, port in published(platform)[service]}
    assert len(known) == 4
    assert known < reached(engine, addresses, inner)  # from the machine itself: an answer would be seen
    version = int(platform.engine.docker("version", "--format", "{{.Server.Version}}").stdout.partition(".")[0])
    with neighbour(engine) as (machine, address):
        with in_namespace(engine, lambda: socket.create_server((address, 0))) as control:
            port = control.getsockname()[1]
            assert reached(machine, [address], [port]) == {(address, port)}
        assert reached(machine, [address, "127.0.0.1"], every) == set()
        assert reached(machine, addresses, inner) == (known if version < 28 else set())
