"""What a container can be: one module a role, each with ``run(arguments) -> exit code``, none heavy at import time."""
