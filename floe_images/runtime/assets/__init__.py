"""dbt's graph as Dagster's: assets, checks, jobs, schedules and sensors, made of artifacts and manifests.

Imported only where Dagster is wanted. dbt is never imported here: it runs in a process of its own (`runtime/dbt`).
"""
