"""What goes wrong in one of dbt's threads fails the node that it worked on. dbt itself would wait for it for ever."""

from __future__ import annotations

from typing import Any


def fail_the_node() -> None:
    """dbt's pool forgets a thread's exception (from an event that cannot be made, from a callback) and a thread that
    left (``sys.exit()`` in a Python model), and goes on waiting for the node. Needs dbt; call it once.
    """
    from dbt.task.runnable import GraphRunnableTask

    run = GraphRunnableTask.call_runner

    def call_runner(task: Any, runner: Any) -> Any:
        try:
            return run(task, runner)
        except BaseException as fault:
            told = fault if isinstance(fault, Exception) else RuntimeError(f"{type(fault).__name__}: {fault}")
            return task._handle_thread_exception(runner, told)

    GraphRunnableTask.call_runner = call_runner
