"""Where a locked Debian package may be had, in the order in which to ask; bytes are accepted by their hash only."""

from __future__ import annotations

import time

from floe_images.engine.resolve.debian_mirrors import DebianMirrors

# A snapshot archive hands out the newest state that is not younger than the time in the URL. It imports an index some
# hours after the index's date, so what that very index brought is found a day later.
_DAY = 24 * 3600


def package_urls(mirrors: DebianMirrors, *, archive: str, pool: str, snapshot_time: int) -> tuple[str, ...]:
    """URLs without credentials for a package of ``archive`` ("debian" or "debian-security").

    ``pool`` is the path below the archive's root, ``snapshot_time`` the lock's, in seconds since 1970.
    The snapshot archive's URLs are of https://snapshot.debian.org's form.
    """
    urls = [f"{mirror.url}/{pool}" for mirror in mirrors.places(archive)]
    if mirrors.snapshot:
        for seconds in (snapshot_time, snapshot_time + _DAY):
            stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(seconds))
            urls.append(f"{mirrors.snapshot.url}/archive/{archive}/{stamp}/{pool}")
    return tuple(urls)
