"""A cache of blobs, and an image for each platform in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from floe_images.image.build import BuiltImage
from tests.support.built import AMD64, ARM64, Blobs, sample_image


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path / "cache")


@pytest.fixture
def both(blobs: Blobs) -> tuple[BuiltImage, BuiltImage]:
    return sample_image(blobs, AMD64), sample_image(blobs, ARM64)
