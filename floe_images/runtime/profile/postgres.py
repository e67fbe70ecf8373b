"""PostgreSQL."""

from __future__ import annotations

from floe_images.runtime.profile.answers import Answers, given


def postgres(answers: Answers) -> dict[str, object]:
    """https://docs.getdbt.com/docs/core/connect-data-platform/postgres-setup"""
    password = answers.private("password")
    return given(
        host=answers.public("host"),
        port=answers.public("port"),
        user=answers.private("user"),
        # dbt's class asks for one, also where the server asks for none.
        password="" if password is None else password,
        database=answers.public("database"),
        schema=answers.public("schema"),
        sslmode=answers.public("sslmode"),
        sslrootcert=answers.public("sslrootcert"),
    )
