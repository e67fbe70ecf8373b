"""Trace and span ids that follow from a run's own ids: whoever has one finds the other, and sent twice stays the same.

https://www.w3.org/TR/trace-context/#traceparent-header-field-values
"""

from __future__ import annotations

import hashlib
import uuid


def trace_id(run_id: str) -> bytes:
    """16 bytes: Dagster's run id itself, which is a UUID; of any other text its hash."""
    try:
        found = uuid.UUID(run_id).bytes
    except ValueError:
        found = hashlib.blake2b(run_id.encode(), digest_size=16).digest()
    return found if any(found) else b"\1" * 16  # zeros are no trace


def span_id(*parts: str) -> bytes:
    """8 bytes, the same for the same parts."""
    found = hashlib.blake2b("\0".join(parts).encode(), digest_size=8).digest()
    return found if any(found) else b"\1" * 8
