"""floe.yaml: model, loader with positions, findings, JSON Schema. Pure but for reading the one file."""
