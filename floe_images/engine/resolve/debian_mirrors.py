"""Where Debian's archives are: floe.yaml, else the machine's apt sources, else Debian's own hosts."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from floe_images.engine.fetch.http import Credential, split_credential
from floe_images.engine.resolve.debian_apt import AptSource, apt_credentials, apt_sources

ARCHIVE = "debian"
SECURITY = "debian-security"
_DEFAULTS = {
    ARCHIVE: "http://ftp.debian.org/debian",
    SECURITY: "http://security.debian.org/debian-security",
}
# Names of Debian's own suites. Other distributions have other names; who borrows one is told by its Release's Origin.
_CODENAME = "(?:bullseye|bookworm|trixie|forky|sid|unstable|testing|stable|oldstable|oldoldstable)"
_SUITES = {
    ARCHIVE: re.compile(_CODENAME + "(?:-updates|-proposed-updates|-backports)?"),
    SECURITY: re.compile(_CODENAME + "(?:-security|/updates)"),
}


@dataclass(frozen=True, kw_only=True)
class DebianMirror:
    """``url`` has no credentials and no slash at its end; ``found`` says who named it, for `floe doctor`."""

    url: str
    found: str


@dataclass(frozen=True, kw_only=True)
class DebianMirrors:
    """Each archive's places in the order in which they are asked; the first that is Debian's wins."""

    archive: tuple[DebianMirror, ...]
    security: tuple[DebianMirror, ...]
    snapshot: DebianMirror | None = None
    credentials: tuple[Credential, ...] = ()  # for HttpSettings: each goes to its own origin only

    def places(self, archive: str) -> tuple[DebianMirror, ...]:
        """The places of "debian" or "debian-security"."""
        return {ARCHIVE: self.archive, SECURITY: self.security}[archive]


def find_debian_mirrors(
    *,
    debian: str | None = None,
    debian_security: str | None = None,
    snapshot: str | None = None,
    suite: str = "bookworm",
    apt: Path = Path("/etc/apt"),
) -> DebianMirrors:
    """``debian``, ``debian_security`` and ``snapshot`` are floe.yaml's URLs; each wins over the machine's.

    Nobody is asked here. Of apt's sources those count that carry ``main`` of a suite with a name of Debian's; whether
    they are Debian's is seen when the InRelease is read. Where the machine has such sources, Debian's own hosts are
    not asked at all. Raises UsageError for what is no URL.
    """
    sources = apt_sources(apt)
    credentials: list[Credential] = []
    archive = _places(ARCHIVE, debian, "image.mirrors.debian", sources, suite, credentials)
    security = _places(SECURITY, debian_security, "image.mirrors.debian_security", sources, suite, credentials)
    kept = _mirror(snapshot, "floe.yaml: image.mirrors.snapshot", credentials) if snapshot else None
    urls = tuple(mirror.url for mirror in (*archive, *security, *((kept,) if kept else ())))
    return DebianMirrors(
        archive=archive,
        security=security,
        snapshot=kept,
        credentials=(*credentials, *apt_credentials(urls, apt)),
    )


def _places(
    archive: str,
    given: str | None,
    setting: str,
    sources: Iterable[AptSource],
    suite: str,
    credentials: list[Credential],
) -> tuple[DebianMirror, ...]:
    if given:
        return (_mirror(given, f"floe.yaml: {setting}", credentials),)
    usable = [
        source
        for source in sources
        if source.uri.startswith(("http://", "https://"))
        and "main" in source.components
        and any(_SUITES[archive].fullmatch(name) for name in source.suites)
    ]
    # A source of this very release first: another release's may lie on a mirror that has that release only.
    usable.sort(key=lambda source: not any(name.startswith(suite) for name in source.suites))
    found: dict[str, DebianMirror] = {}
    for source in usable:
        mirror = _mirror(source.uri, source.where, credentials)
        found.setdefault(mirror.url, mirror)
    return tuple(found.values()) or (DebianMirror(url=_DEFAULTS[archive], found="floe's default"),)


def _mirror(url: str, found: str, credentials: list[Credential]) -> DebianMirror:
    clean, credential = split_credential(url)
    if credential:
        credentials.append(credential)
    return DebianMirror(url=clean.rstrip("/"), found=found)
