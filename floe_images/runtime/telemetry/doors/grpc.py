"""OTLP over gRPC: the bytes of a parcel are the request, without another serializer in between.

https://opentelemetry.io/docs/specs/otlp/#otlpgrpc
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import grpc

from floe_images import __version__
from floe_images.errors import ProjectError
from floe_images.runtime.telemetry.doors.answers import refused
from floe_images.runtime.telemetry.parcel import Parcel, RefusedError, UndeliveredError

TIMEOUT = 3.0  # seconds for a whole call, the connection and the name included
_SERVICES = {
    path: f"/opentelemetry.proto.collector.{module}.v1.{name}Service/Export"
    for path, module, name in (
        ("traces", "trace", "Trace"),
        ("metrics", "metrics", "Metrics"),
        ("logs", "logs", "Logs"),
    )
}


class GrpcDoor:
    """``url`` is ``http://host:port`` or, with TLS, ``https://host:port``. Raise ProjectError for no certificates."""

    def __init__(self, url: str, headers: Mapping[str, str], *, certificates: str | None) -> None:
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        where = f"{host}:{parts.port or (443 if secure else 4317)}"
        options = [("grpc.enable_retries", 0), ("grpc.primary_user_agent", f"floe-runtime/{__version__}")]
        self._metadata = [(name.lower(), value) for name, value in headers.items()]
        if secure:
            self._channel = grpc.secure_channel(where, grpc.ssl_channel_credentials(_read(certificates)), options)
        else:
            self._channel = grpc.insecure_channel(where, options)

    def send(self, parcel: Parcel) -> int:
        call = self._channel.unary_unary(_SERVICES[parcel.path])
        try:
            return refused(call(parcel.body, timeout=TIMEOUT, metadata=self._metadata))
        except grpc.RpcError as fault:
            code = fault.code() if isinstance(fault, grpc.Call) else None
            if code is grpc.StatusCode.INVALID_ARGUMENT:
                raise RefusedError(f"gRPC {code.name}") from None
            raise UndeliveredError(f"gRPC {code.name if code else 'error'}") from None
        except ValueError:  # the channel was closed at the end of the run
            raise UndeliveredError("closed") from None

    def close(self) -> None:
        self._channel.close()


def _read(certificates: str | None) -> bytes | None:
    if certificates is None:
        return None
    try:
        return Path(certificates).read_bytes()
    except OSError as fault:
        raise ProjectError(
            f"the certificates cannot be read: {fault.strerror}", where=certificates, hint="SSL_CERT_FILE names them"
        ) from None
