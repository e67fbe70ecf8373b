"""What floe itself writes into the base: what maintainer scripts would have made, and who the image runs as."""

from __future__ import annotations

from floe_images.plan.model import PlannedFile
from floe_images.plan.places import PYTHON, STATE

UID, GID, USER = 10001, 0, "floe"

_NO_SHELL = "/usr/sbin/nologin"  # not there either: nobody logs in

_PASSWD = f"""\
root:x:0:0:root:/root:{_NO_SHELL}
{USER}:x:{UID}:{GID}:{USER}:/tmp:{_NO_SHELL}
nobody:x:65534:65534:nobody:/nonexistent:{_NO_SHELL}
"""

_GROUP = """\
root:x:0:
nogroup:x:65534:
"""

# libc-bin's template without the services that only matter where people log in. Without this file glibc asks DNS before
# /etc/hosts.
_NSSWITCH = """\
passwd:    files
group:     files
hosts:     files dns
networks:  files
protocols: files
services:  files
ethers:    files
rpc:       files
"""

# Merged /usr (https://wiki.debian.org/UsrMerge). Debian has no /lib64 on arm64; an empty one makes both roots alike.
_USR_LINKS = ("bin", "lib", "lib64", "sbin")

_FOLDERS = (
    ("dev", 0o755),
    ("etc", 0o755),
    ("proc", 0o755),
    ("root", 0o700),
    ("run", 0o755),
    ("run/lock", 0o1777),
    ("run/secrets", 0o755),
    ("sys", 0o755),
    ("tmp", 0o1777),
    ("usr/lib64", 0o755),
    # Any user of group 0 may write the state: OpenShift and others choose the user's number themselves.
    (STATE, 0o775),
    ("var/tmp", 0o1777),
)

_LINKS = (
    ("etc/localtime", "/usr/share/zoneinfo/Etc/UTC"),
    ("usr/bin/python3", f"python{PYTHON}"),
    # OpenSSL's default places, which Debian's package `openssl` (not in the image) would link.
    ("usr/lib/ssl/cert.pem", "/etc/ssl/certs/ca-certificates.crt"),
    ("usr/lib/ssl/certs", "/etc/ssl/certs"),
    ("var/lock", "/run/lock"),
    ("var/run", "/run"),
)

_FILES = (
    ("etc/group", _GROUP),
    ("etc/nsswitch.conf", _NSSWITCH),
    ("etc/passwd", _PASSWD),
    ("etc/timezone", "Etc/UTC\n"),
)


def base_files() -> tuple[PlannedFile, ...]:
    """Folders, links and files of the lowest layer, sorted by path. The CA bundle is not here: it is made from the
    package ca-certificates when that is unpacked."""
    return tuple(
        sorted(
            (
                *(PlannedFile(path=path, mode=mode, folder=True) for path, mode in _FOLDERS),
                *(PlannedFile(path=name, mode=0o777, link=f"usr/{name}") for name in _USR_LINKS),
                *(PlannedFile(path=path, mode=0o777, link=target) for path, target in _LINKS),
                *(PlannedFile(path=path, data=text.encode()) for path, text in _FILES),
            ),
            key=lambda file: file.path,
        )
    )
