"""OCI words as small values: platform, digest, descriptor, manifest, index, layout. No engine, no network."""
