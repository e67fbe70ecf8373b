"""The long proofs stand on the same ground as tests/offline."""

from __future__ import annotations

from tests.offline.conftest import built, locked, tiny_ground

__all__ = ["built", "locked", "tiny_ground"]
