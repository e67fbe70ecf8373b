"""CompiledArtifacts and a run's events: the contract between outside and inside. Imports nothing of ours but errors."""
