"""floe.yaml's schedules: cron with a time zone, a job, and for partitioned assets the last whole partition."""

from __future__ import annotations

from datetime import datetime

import dagster

from floe_images.artifacts.model import ScheduleArtifact
from floe_images.runtime.assets.jobs import Job
from floe_images.runtime.assets.names import plain_name

_CRON = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
SCHEDULE_TAG = "floe/schedule"


def make_schedule(schedule: ScheduleArtifact, job: Job, *, running: bool) -> dagster.ScheduleDefinition:
    """A run of ``job`` at each tick, on until switched off where ``running``."""
    tags = {**job.tags, SCHEDULE_TAG: schedule.name}

    def evaluate(context: dagster.ScheduleEvaluationContext) -> dagster.RunRequest:
        return dagster.RunRequest(
            run_config=job.config,
            tags=tags,
            partition_key=last_partition(job.partitions, context.scheduled_execution_time),
        )

    return dagster.ScheduleDefinition(
        name=plain_name(schedule.name),
        job=job.definition,
        cron_schedule=_CRON.get(schedule.cron, schedule.cron),
        execution_timezone=schedule.timezone,
        execution_fn=evaluate,
        default_status=dagster.DefaultScheduleStatus.RUNNING if running else dagster.DefaultScheduleStatus.STOPPED,
        description=f"{schedule.cron} ({schedule.timezone})",
    )


def last_partition(partitions: dagster.PartitionsDefinition | None, now: datetime) -> str | None:
    """The key of the last partition that has ended by ``now``; None without partitions, or before the first."""
    if not isinstance(partitions, dagster.TimeWindowPartitionsDefinition):
        return None
    with dagster.partition_loading_context(effective_dt=now):
        key: str | None = partitions.get_last_partition_key()
    return key
