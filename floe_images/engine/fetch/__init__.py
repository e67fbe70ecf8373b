"""Files by hash: where they may come from, and the cache they land in."""
