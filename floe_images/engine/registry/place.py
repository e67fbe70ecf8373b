"""Where a registry is reached: at its own address, or at the mirror that floe.yaml names for it."""

from __future__ import annotations

import ipaddress
import os
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from floe_images.engine.fetch.http import HttpSettings
from floe_images.engine.fetch.reach import Reach, mirror_login
from floe_images.engine.registry.login import Login
from floe_images.image.pulled import DOCKER_HUB, PulledName
from floe_images.spec.image import Mirror

_HUB_API = "registry-1.docker.io"
_PROBE_SECONDS = 5
# Where Docker and podman look for a registry's own authorities (dockerd: certs.d; containers-certs.d(5)).
_CERTIFICATE_FOLDERS = ("/etc/docker/certs.d", "/etc/containers/certs.d")


@dataclass(frozen=True, kw_only=True)
class RegistryPlace:
    """``url`` is scheme, host and port; ``prefix`` a path between ``/v2/`` and the repository, or ""."""

    url: str
    prefix: str
    mirrored: bool
    login: Login | None = field(default=None, repr=False)

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc


@dataclass(frozen=True, kw_only=True)
class Registries:
    """How registries are reached: HTTP's settings, and floe.yaml's mirror of each (``host[:port]`` in lower case)."""

    http: HttpSettings
    mirrors: Mapping[str, Mirror] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)

    def place_of(self, name: PulledName) -> RegistryPlace:
        """Raises MirrorRefusedError for a mirror's credential that is not there."""
        mirror = self.mirrors.get(name.registry)
        if mirror:
            parts = urlsplit(mirror.url)
            login = mirror_login(mirror, self.environ)
            return RegistryPlace(
                url=f"{parts.scheme}://{parts.netloc.lower()}",
                prefix=parts.path.strip("/").removesuffix("/v2").removeprefix("v2").strip("/"),
                mirrored=True,
                login=Login(username=login[0], secret=login[1], kind="password") if login else None,
            )
        host = _HUB_API if name.registry == DOCKER_HUB else name.registry
        scheme = "http" if _is_loopback(host) and _is_plain(host) else "https"
        return RegistryPlace(url=f"{scheme}://{host}", prefix="", mirrored=False)

    def certificates(self, host: str) -> tuple[Path, ...]:
        """The authorities that are trusted for ``host``: everybody's, and its own of Docker or podman."""
        own = [path for folder in _CERTIFICATE_FOLDERS for path in sorted((Path(folder) / host).glob("*.crt"))]
        return (*own, *self.http.certificates)


def find_registries(reach: Reach, mirrors: Mapping[str, Mirror], environ: Mapping[str, str] = os.environ) -> Registries:
    """``mirrors`` is floe.yaml's ``image.mirrors.registries``. Nobody is asked here."""
    settings = HttpSettings(certificates=reach.certificates)
    return Registries(
        http=settings, mirrors={host.lower(): mirror for host, mirror in mirrors.items()}, environ=environ
    )


def _is_loopback(host: str) -> bool:
    name = urlsplit(f"//{host}").hostname or ""
    try:
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _is_plain(host: str) -> bool:
    """Whether what listens on this machine speaks no TLS: such a registry is one for trying things out, and engines
    talk to it without, too. Nothing is sent but the greeting."""
    parts = urlsplit(f"//{host}")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with (
            socket.create_connection((parts.hostname or "", parts.port or 443), _PROBE_SECONDS) as connection,
            context.wrap_socket(connection),
        ):
            return False
    except ssl.SSLError:
        return True
    except OSError:
        return False
