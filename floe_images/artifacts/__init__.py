"""CompiledArtifacts: the one contract between outside (toolkit) and inside (runtime). Imports nothing of ours but errors."""
