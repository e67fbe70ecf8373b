"""Registries: images by reference to digests, and their blobs into the cache; no container engine is asked."""
