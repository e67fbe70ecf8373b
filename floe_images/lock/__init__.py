"""floe.lock: every byte that enters an image, by file name, size and sha256, and no host. Pure."""
