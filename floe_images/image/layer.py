"""A finished layer: a compressed tar in the cache, known by its digest."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class LayerBlob:
    """``digest`` is of the stored (gzip) bytes and ``diff_id`` of the uncompressed tar, both ``sha256:<64 hex>``.

    ``size`` and ``tar_size`` are their lengths in bytes. ``name`` is the plan's name of the layer. ``rebuilt`` says
    that this run made it; False where the cache had it. The bytes lie in the store under ``blobs/<hex of digest>``.
    """

    name: str
    digest: str
    diff_id: str
    size: int
    tar_size: int
    rebuilt: bool
