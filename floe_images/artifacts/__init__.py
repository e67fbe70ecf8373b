"""CompiledArtifacts: the one contract between outside and inside. Imports nothing of ours but errors."""
