"""The job ``maintenance``, and its schedule: the role ``maintain`` in a process of its own, recorded by Dagster."""

# No `from __future__ import annotations`: Dagster looks at the type of an op's context, and takes no text for one.
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import dagster

from floe_images.artifacts.model import MaintenanceArtifact, ScheduleArtifact
from floe_images.runtime.assets.alive import alive, fail_dead_runs, whole_run
from floe_images.runtime.assets.jobs import Job
from floe_images.runtime.assets.names import MAINTENANCE, MAINTENANCE_TAG, PROJECT_TAG
from floe_images.runtime.assets.schedules import make_schedule

_OP = "maintain"  # another name than the job's, which Dagster wants to be the only one
_ENDING = 30  # seconds that the request at hand may take after an interrupt


def maintenance_job(wanted: MaintenanceArtifact, *, project: str, locks: Path) -> Job:
    """``locks`` is the folder where a run holds its lock (`alive`)."""

    def compute(context: dagster.OpExecutionContext) -> None:
        fail_dead_runs(context.instance, locks)
        with alive(locks, context.run_id, whole=whole_run(context.job_def)):
            tables = _maintain(context, maintain_arguments(wanted, dry_run=context.op_config["dry_run"]))
        context.add_output_metadata(
            {
                "dry_run": context.op_config["dry_run"],
                "tables": len(tables),
                "snapshots": sum(len(table["expire"]) for table in tables),
                "files": sum(len(table["remove"]) for table in tables),
                "rewritten": sum(table["rewrite"] is not None for table in tables),
            }
        )

    op = dagster.op(
        name=_OP,
        config_schema={"dry_run": dagster.Field(bool, default_value=False, description="Only say what would be done.")},
    )(compute)
    tags = {PROJECT_TAG: project, MAINTENANCE_TAG: "true"}

    def nodes() -> None:
        op()

    made = dagster.job(
        name=MAINTENANCE,
        tags=tags,
        executor_def=dagster.in_process_executor,
        description="Old snapshots, files that nothing refers to, and small files of Iceberg tables.",
    )
    return Job(definition=made(nodes), name=MAINTENANCE, config={}, partitions=None, tags=tags)


def maintenance_schedule(wanted: MaintenanceArtifact, job: Job, *, running: bool) -> dagster.ScheduleDefinition:
    """On until switched off where ``running``."""
    at = ScheduleArtifact(
        name=MAINTENANCE, cron=wanted.cron, timezone=wanted.timezone, select=(), exclude=(), target=None
    )
    return make_schedule(at, job, running=running)


def maintain_arguments(wanted: MaintenanceArtifact, *, dry_run: bool) -> list[str]:
    """Of the role ``maintain``."""
    return [
        *wanted.catalogs,
        *(("--dry-run",) if dry_run else ()),
        f"--keep={wanted.keep}s",
        f"--keep-last={wanted.keep_last}",
        f"--orphans={wanted.orphans}s",
    ]


def _maintain(context: dagster.OpExecutionContext, arguments: list[str]) -> list[dict[str, Any]]:
    """What was done, table by table. Raise dagster.Failure where it could not be done."""
    command = [sys.executable, "-P", "-m", "floe_images.runtime.main", "maintain", "--json", "--until-stdin-closes"]
    with subprocess.Popen(
        [*command, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "FLOE_LOG": ""},
    ) as child:
        said: list[str] = []
        heard = threading.Thread(target=lambda: said.extend(_heard(context, child)), daemon=True)
        heard.start()
        try:
            assert child.stdout
            document = child.stdout.read()
            child.wait()
        except BaseException:
            child.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(_ENDING)
            child.kill()
            raise
        heard.join()
    if child.returncode != 0:
        why = next((line.removeprefix("error: ") for line in said if line.startswith("error: ")), "it was ended")
        raise dagster.Failure(description=why, metadata={"exit_code": child.returncode}, allow_retries=False)
    tables: list[dict[str, Any]] = json.loads(document)["tables"]
    for table in tables:
        context.log.info(
            f"{table['catalog']}.{'.'.join(table['table'])}: {len(table['expire'])} snapshots, "
            f"{len(table['remove'])} files{', rewritten' if table['rewrite'] else ''}"
        )
    return tables


def _heard(context: dagster.OpExecutionContext, child: "subprocess.Popen[str]") -> list[str]:
    assert child.stderr
    lines = []
    for line in child.stderr:
        context.log.info(line.rstrip())
        lines.append(line.rstrip())
    return lines
