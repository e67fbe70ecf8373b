"""Who vouches for a suite: clearsigned ``InRelease`` files against the archive keys that this floe ships.

Sequoia verifies (wheels for Linux, macOS and Windows, no gpgv). A signature counts when it is good and made by a key
shipped for that very suite; other signers are no failure, since Debian signs with several keys. A key that has expired
or was revoked counts no longer, also for signatures from before that day: apt judges the same way.
"""

from __future__ import annotations

import datetime
import functools
import sys
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

from floe_images.errors import SignatureError

if TYPE_CHECKING:
    import pysequoia

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_BEGIN = b"-----BEGIN PGP SIGNED MESSAGE-----"
_SIGNATURE = b"-----BEGIN PGP SIGNATURE-----"
_END = b"-----END PGP SIGNATURE-----"


@dataclass(frozen=True, kw_only=True)
class ArchiveKey:
    """``certificate`` is armored OpenPGP, ``fingerprint`` 40 lower-case hex digits of its primary key."""

    owner: str
    fingerprint: str
    certificate: bytes


@functools.cache
def archive_keys(suite: str) -> tuple[ArchiveKey, ...]:
    """The keys shipped for a suite; none for one that floe does not know."""
    folder = resources.files("floe_images") / "data" / "debian" / "keys"
    table: dict[str, Any] = tomllib.loads(folder.joinpath("suites.toml").read_text(encoding="utf-8"))
    return tuple(
        ArchiveKey(
            owner=entry["owner"],
            fingerprint=entry["fingerprint"],
            certificate=folder.joinpath(entry["file"]).read_bytes(),
        )
        for entry in table["key"]
        if suite in entry["suites"]
    )


def verified_text(signed: bytes, keys: tuple[ArchiveKey, ...], *, now: float, where: str) -> str:
    """The signed text of a clearsigned message (RFC 9580, 7), without anything that stands outside of it.

    ``now`` in seconds since 1970 judges the keys' expiry. Raises SignatureError where no key of ``keys`` made a good
    signature, and where anything stands before, after or between.
    """
    import pysequoia

    _check_frame(signed, where)
    asked: list[str] = []
    certificates = [(key, pysequoia.Cert.from_bytes(key.certificate)) for key in keys]
    usable = [certificate for key, certificate in certificates if _usable(key, certificate, now)]

    def store(key_ids: list[str]) -> list[pysequoia.Cert]:
        asked.extend(key_ids)
        return usable

    try:
        result = pysequoia.verify(signed, store)
    except Exception:  # the verifier has no exception type of its own; its text would be several lines
        raise _refusal(asked, certificates, usable, where) from None
    trusted = {certificate.fingerprint for certificate in usable}
    if not any(signature.certificate in trusted for signature in result.valid_sigs):
        raise _refusal(asked, certificates, usable, where)
    try:
        return (result.bytes or b"").decode("utf-8")
    except UnicodeDecodeError:
        raise SignatureError("the signed text is not UTF-8", where=where) from None


def _check_frame(signed: bytes, where: str) -> None:
    """One message and nothing else, as apt asks: a reader that is not the verifier must not see other text."""
    lines = signed.replace(b"\r\n", b"\n").rstrip(b"\n").split(b"\n")
    marks = [line.rstrip() for line in lines if line.startswith(b"-----")]
    if lines[0].rstrip() != _BEGIN or lines[-1].rstrip() != _END or marks != [_BEGIN, _SIGNATURE, _END]:
        raise SignatureError(
            "not one clearsigned message and nothing else",
            where=where,
            hint="the mirror, or something between it and here, changes what it hands out: use another one",
        )


def _usable(key: ArchiveKey, certificate: pysequoia.Cert, now: float) -> bool:
    if certificate.fingerprint.lower() != key.fingerprint or certificate.is_revoked:
        return False
    return certificate.expiration is None or certificate.expiration > datetime.datetime.fromtimestamp(
        now, datetime.timezone.utc
    )


def _refusal(
    asked: list[str],
    certificates: list[tuple[ArchiveKey, pysequoia.Cert]],
    usable: list[pysequoia.Cert],
    where: str,
) -> SignatureError:
    expired = [key.owner for key, certificate in certificates if certificate not in usable]
    wanted = "; ".join(key.owner for key, _ in certificates) or "none is shipped"
    signers = ", ".join(key_id[-16:].upper() for key_id in asked) or "nobody who can be named"
    gone = f" (expired or revoked: {'; '.join(expired)})" if expired else ""
    return SignatureError(
        f"no good signature by a key that floe ships for this suite{gone}; signed by {signers}, wanted: {wanted}",
        where=where,
        hint="the file was changed on its way or is not Debian's: use another mirror, or a newer floe if keys expired",
    )
