"""What a receiver of OTLP answers (https://opentelemetry.io/docs/specs/otlp/#partial-success-1)."""

from __future__ import annotations

from google.protobuf.message import DecodeError
from google.protobuf.unknown_fields import UnknownFieldSet
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from floe_images.runtime.telemetry.parcel import UndeliveredError


def refused(body: bytes) -> int:
    """How many items of a request were refused for good, by an Export…ServiceResponse: the three are alike, and empty
    is the usual one. Raise UndeliveredError for anything else: whoever wrote it is no receiver."""
    try:
        found = ExportTraceServiceResponse.FromString(body)
    except DecodeError:
        raise UndeliveredError("an answer that is none of a receiver's") from None
    if len(UnknownFieldSet(found)) > 0:  # text can by chance be parsed as fields that no such message has
        raise UndeliveredError("an answer that is none of a receiver's")
    return int(found.partial_success.rejected_spans)
