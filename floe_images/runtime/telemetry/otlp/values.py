"""Python's values as OTLP's: attributes, the resource and the scope."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from floe_images import __version__

SCOPE = InstrumentationScope(name="floe_images.runtime", version=__version__)

Attribute = str | int | float | bool | tuple[str, ...] | None


def attributes(pairs: Mapping[str, Attribute]) -> list[Any]:
    """KeyValue messages; None and empty tuples are left out."""
    return [KeyValue(key=key, value=_any(value)) for key, value in pairs.items() if value is not None and value != ()]


def resource(service: str) -> Any:
    """https://opentelemetry.io/docs/specs/semconv/resource/"""
    return Resource(
        attributes=attributes(
            {
                "service.name": service,
                "telemetry.sdk.name": "floe",
                "telemetry.sdk.language": "python",
                "telemetry.sdk.version": __version__,
            }
        )
    )


def _any(value: Attribute) -> Any:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, tuple):
        return AnyValue(array_value=ArrayValue(values=[AnyValue(string_value=each) for each in value]))
    return AnyValue(string_value=value or "")
