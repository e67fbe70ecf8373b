"""Which certificate authorities are trusted: one bundle a process, used by our HTTP and by uv alike."""

from __future__ import annotations

import atexit
import os
import ssl
from collections.abc import Iterable, Mapping
from pathlib import Path

from floe_images.engine.store import Store
from floe_images.errors import DiskError, UsageError, disk_error

# The usual variables in the order in which they win; the first that names a file replaces the default authorities.
CERTIFICATE_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT", "CURL_CA_BUNDLE")
_BEGIN = b"-----BEGIN CERTIFICATE-----"
_LIMIT = 16 * 1024 * 1024


def certificate_files(own: Iterable[Path], configured: Iterable[Path], environ: Mapping[str, str]) -> tuple[Path, ...]:
    """The files of the bundle: floe.yaml's ``own`` always; then what the environment names, else what pip or uv has
    ``configured``, else the authorities of requests and of the system. ``SSL_CERT_FILE`` and its like replace the
    default authorities, as they do everywhere. UsageError for a variable that names what is not there.
    """
    chosen = list(_named(environ)) or list(configured) or list(_defaults())
    return tuple(dict.fromkeys([*own, *chosen]))


def _named(environ: Mapping[str, str]) -> Iterable[Path]:
    """The first file that a variable names, then those of the other variables that are there."""
    found = False
    for name in CERTIFICATE_VARIABLES:
        path = Path(environ[name]) if environ.get(name) else None
        if path is None:
            continue
        if path.is_file():
            found = True
            yield path
        elif not found and not path.exists():
            hint = f"let {name} name a PEM file, or unset it"
            raise UsageError(f"{name} names a certificate file that is not there", where=str(path), hint=hint)


def _defaults() -> Iterable[Path]:
    from requests.utils import DEFAULT_CA_BUNDLE_PATH

    yield Path(DEFAULT_CA_BUNDLE_PATH)
    system = ssl.get_default_verify_paths().cafile
    if system and Path(system).is_file():
        yield Path(system)


def make_bundle(files: Iterable[Path], store: Store) -> Path:
    """One PEM file with every certificate of ``files``; removed when the process ends, or by a later run where it is
    killed. UsageError for a file that cannot be read or that holds no certificate."""
    parts: dict[bytes, None] = {}
    for file in files:
        try:
            data = file.read_bytes()[:_LIMIT]
        except OSError as error:
            raise UsageError(f"the certificate file cannot be read: {error.strerror}", where=str(file)) from None
        if _BEGIN not in data:
            hint = "give certificates as PEM (-----BEGIN CERTIFICATE-----)"
            raise UsageError("no certificate in this file", where=str(file), hint=hint)
        parts[data.replace(b"\r\n", b"\n").rstrip(b"\n") + b"\n"] = None
    bundle = _place(store)
    atexit.register(bundle.unlink, missing_ok=True)
    try:
        bundle.write_bytes(b"".join(parts))
    except OSError as error:
        raise disk_error(error, str(bundle)) from error
    return bundle


def _place(store: Store) -> Path:
    """In the cache, which is swept; `floe doctor` also works where the cache cannot be written."""
    try:
        return store.temporary("certificates")
    except DiskError:
        import tempfile

        handle, name = tempfile.mkstemp(prefix="floe-certificates-")
        os.close(handle)
        return Path(name)
