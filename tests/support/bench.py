"""Sections 4 and 5 of docker-bench-security (CIS Docker Benchmark 1.7), of what `docker inspect` says of a container.

Each check takes a `Subject` and says what it would warn of; numbers and what counts as a warning are those of
https://github.com/docker/docker-bench-security, ``tests/4_….sh`` and ``tests/5_….sh``, or stricter:
what that tool leaves to the reader ("manual") is decided here where it can be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Subject:
    """``container`` and ``image`` as `docker inspect` has them, ``info`` as `docker info`; ``history`` are the image's
    instructions, ``setuid`` its files with such a bit, ``programs`` the names of what runs in the container.
    ``once``: it prepares a volume and ends, so nobody asks for its health."""

    container: Mapping[str, Any] = field(repr=False)
    image: Mapping[str, Any] = field(repr=False)
    info: Mapping[str, Any] = field(repr=False)
    history: tuple[str, ...]
    setuid: tuple[str, ...]
    programs: tuple[str, ...]
    once: bool

    @property
    def host(self) -> Mapping[str, Any]:
        return dict(self.container["HostConfig"])

    @property
    def bindings(self) -> Iterator[tuple[str, int]]:
        """(address, port) of the machine."""
        for bound in (self.host["PortBindings"] or {}).values():
            for each in bound or ():
                yield each["HostIp"], int(each["HostPort"] or 0)


Check = Callable[[Subject], Iterator[str]]
CHECKS: dict[str, Check] = {}


def _check(number: str) -> Callable[[Check], Check]:
    def keep(check: Check) -> Check:
        CHECKS[number] = check
        return check

    return keep


#: What cannot be said of a container, and why.
NOT_APPLICABLE = {
    "4.2": "a judgement: no base image is used, images are put together from locked packages",
    "4.3": "a judgement: packages are those of the lock; tests/engine/test_image_contract.py looks for shells",
    "4.4": "a judgement on when to build anew: `floe lock --upgrade`",
    "4.5": "DOCKER_CONTENT_TRUST is a setting of whoever pulls, and nothing pulls: see pull_policy in compose/",
    "4.10": "tests/engine/test_platform.py looks for every secret in images, containers and logs",
    "4.11": "every package is locked by sha256, out of indexes whose signatures are checked",
    "4.12": "as 4.11",
    "5.3": "labels of SELinux are the engine's; security options are asked for by 5.26",
    "5.9": "a judgement: tests/engine/test_platform_exposure.py holds all ports against a table",
    "5.19": "limits of processes and memory are cgroups' (5.11, 5.29); other limits need not be overridden",
    "5.23": "about whoever calls docker exec",
    "5.24": "about whoever calls docker exec",
    "5.28": "images are of the lock, which is not to change by itself",
}


@_check("4.1")
def user(subject: Subject) -> Iterator[str]:
    for what, config in (("container", subject.container["Config"]), ("image", subject.image["Config"])):
        if config.get("User", "").partition(":")[0] in ("", "0", "root"):
            yield f"the {what}'s user is root"


@_check("4.6")
def healthcheck_of_image(subject: Subject) -> Iterator[str]:
    if not subject.image["Config"].get("Healthcheck", {}).get("Test") and not subject.once:
        yield "the image has no health check"


@_check("4.7")
def no_update(subject: Subject) -> Iterator[str]:
    yield from (line for line in subject.history if "update" in line)


@_check("4.8")
def no_setuid(subject: Subject) -> Iterator[str]:
    yield from subject.setuid


@_check("4.9")
def no_add(subject: Subject) -> Iterator[str]:
    yield from (line for line in subject.history if "ADD " in line)


@_check("5.1")
def no_swarm(subject: Subject) -> Iterator[str]:
    if subject.info["Swarm"]["LocalNodeState"] != "inactive":
        yield "swarm mode is on"


@_check("5.2")
def apparmor(subject: Subject) -> Iterator[str]:
    """Where the engine has AppArmor its own profile is used, unless somebody turns it off."""
    options = subject.host["SecurityOpt"] or ()
    if any(each.replace(":", "=") == "apparmor=unconfined" for each in options) or (
        any("apparmor" in each for each in subject.info["SecurityOptions"])
        and subject.container["AppArmorProfile"] in ("", "unconfined")
    ):
        yield "no AppArmor profile"


@_check("5.4")
def capabilities(subject: Subject) -> Iterator[str]:
    yield from subject.host["CapAdd"] or ()
    if subject.host["CapDrop"] != ["ALL"]:
        yield "not all capabilities are dropped"


@_check("5.5")
def privileged(subject: Subject) -> Iterator[str]:
    if subject.host["Privileged"]:
        yield "privileged"


@_check("5.6")
def folders_of_the_system(subject: Subject) -> Iterator[str]:
    for mount in subject.container["Mounts"]:
        top = "/" + str(mount.get("Source", "")).strip("/").partition("/")[0]
        if mount["Type"] == "bind" and (mount["RW"] or top in ("/", "/boot", "/dev", "/etc", "/lib", "/proc", "/sys")):
            yield f"{mount['Source']} of the machine"


@_check("5.7")
def no_sshd(subject: Subject) -> Iterator[str]:
    yield from (name for name in subject.programs if name.startswith("sshd"))


@_check("5.8")
def no_privileged_ports(subject: Subject) -> Iterator[str]:
    yield from (f"port {port}" for _, port in subject.bindings if 0 < port < 1025)


@_check("5.10")
def own_network(subject: Subject) -> Iterator[str]:
    if subject.host["NetworkMode"] == "host":
        yield "the machine's network"


@_check("5.11")
def memory(subject: Subject) -> Iterator[str]:
    if not subject.host["Memory"] or subject.host["MemorySwap"] != subject.host["Memory"]:
        yield "memory, or its share of swap, is not limited"


@_check("5.12")
def cpu(subject: Subject) -> Iterator[str]:
    if not subject.host["CpuShares"] and not subject.host["NanoCpus"]:
        yield "no share of the processor is set"


@_check("5.13")
def read_only(subject: Subject) -> Iterator[str]:
    if not subject.host["ReadonlyRootfs"]:
        yield "the root file system can be written"


@_check("5.14")
def bound(subject: Subject) -> Iterator[str]:
    yield from (f"{address}:{port}" for address, port in subject.bindings if address != "127.0.0.1")
    if subject.host["PublishAllPorts"]:
        yield "all ports are published"


@_check("5.15")
def restarts(subject: Subject) -> Iterator[str]:
    policy = subject.host["RestartPolicy"]
    if policy["Name"] not in ("no", "on-failure") or not (policy["MaximumRetryCount"] <= 5):
        yield f"restarts: {policy}"
    if policy["Name"] == "on-failure" and not policy["MaximumRetryCount"]:
        yield "restarts without an end"


def _namespace(setting: str) -> Check:
    def check(subject: Subject) -> Iterator[str]:
        if subject.host[setting] == "host":
            yield f"{setting} is the machine's"

    return check


CHECKS["5.16"] = _namespace("PidMode")
CHECKS["5.17"] = _namespace("IpcMode")
CHECKS["5.21"] = _namespace("UTSMode")
CHECKS["5.31"] = _namespace("UsernsMode")


@_check("5.18")
def devices(subject: Subject) -> Iterator[str]:
    yield from (each["PathOnHost"] for each in subject.host["Devices"] or ())


@_check("5.20")
def propagation(subject: Subject) -> Iterator[str]:
    yield from (each["Destination"] for each in subject.container["Mounts"] if "shared" in each.get("Propagation", ""))


@_check("5.22")
def seccomp(subject: Subject) -> Iterator[str]:
    if any(each.replace(":", "=") == "seccomp=unconfined" for each in subject.host["SecurityOpt"] or ()):
        yield "no seccomp profile"


@_check("5.25")
def cgroup(subject: Subject) -> Iterator[str]:
    if subject.host["CgroupParent"]:
        yield f"the cgroup {subject.host['CgroupParent']}"


@_check("5.26")
def no_new_privileges(subject: Subject) -> Iterator[str]:
    if not {"no-new-privileges", "no-new-privileges:true"} & set(subject.host["SecurityOpt"] or ()):
        yield "may gain privileges"


@_check("5.27")
def health(subject: Subject) -> Iterator[str]:
    if not (subject.container["Config"].get("Healthcheck") or {}).get("Test") and not subject.once:
        yield "nothing looks after its health"


@_check("5.29")
def processes(subject: Subject) -> Iterator[str]:
    if (subject.host["PidsLimit"] or 0) <= 0:
        yield "processes are not limited"


@_check("5.30")
def own_bridge(subject: Subject) -> Iterator[str]:
    if subject.host["NetworkMode"] in ("default", "bridge"):
        yield "on docker0"


@_check("5.32")
def no_socket(subject: Subject) -> Iterator[str]:
    yield from (each["Source"] for each in subject.container["Mounts"] if "docker.sock" in each.get("Source", ""))
