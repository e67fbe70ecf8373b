"""Databricks: a personal access token, or OAuth of a service principal."""

from __future__ import annotations

from floe_images.runtime.profile.answers import Answers, given


def databricks(answers: Answers) -> dict[str, object]:
    """https://docs.getdbt.com/docs/core/connect-data-platform/databricks-setup

    That tables are Iceberg ones is no setting of a profile: see ``runtime.dbt.iceberg``.
    """
    return given(
        host=answers.public("host"),
        http_path=answers.public("http_path"),
        catalog=answers.public("catalog"),
        schema=answers.public("schema"),
        connection_parameters={"enable_telemetry": False},
        **answers.method(_METHODS)(answers),
    )


def _token(answers: Answers) -> dict[str, object]:
    return {"token": answers.private("auth", "token")}


def _oauth(answers: Answers) -> dict[str, object]:
    return {
        "auth_type": "oauth",
        "client_id": answers.private("auth", "client_id"),
        "client_secret": answers.private("auth", "client_secret"),
    }


_METHODS = {"token": _token, "oauth": _oauth}
