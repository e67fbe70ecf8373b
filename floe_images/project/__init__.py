"""What the verbs do, as functions: a floe.yaml on a disk, its lock, its plan, its image. Scripts call the same."""
