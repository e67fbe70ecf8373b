"""A container engine through its API: load, run, inspect."""
