"""OpenLineage: the events of a run and of each dbt node, as plain JSON.

The client's own classes are not used: importing them costs 0.4 s of CPU beside Dagster (they bring every transport).
Tests hold every event against those classes and against OpenLineage's JSON Schemas.
"""
