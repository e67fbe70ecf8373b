"""Redshift: a password, or a temporary one from AWS IAM."""

from __future__ import annotations

from floe_images.errors import ProjectError
from floe_images.runtime.profile.answers import Answers, given

_SERVERLESS = ".redshift-serverless."


def redshift(answers: Answers) -> dict[str, object]:
    """https://docs.getdbt.com/docs/core/connect-data-platform/redshift-setup"""
    return given(
        host=answers.public("host"),
        port=answers.public("port"),
        user=answers.private("user"),
        database=answers.public("database"),
        schema=answers.public("schema"),
        sslmode=answers.public("sslmode"),
        **answers.method(_METHODS)(answers),
    )


def _password(answers: Answers) -> dict[str, object]:
    return {"method": "database", "password": answers.private("auth", "password")}


def _iam(answers: Answers) -> dict[str, object]:
    """boto3 finds AWS' own credentials in the environment, in its files, or at the instance's metadata service."""
    if answers.setting("sslmode") == "disable":
        raise ProjectError(f"{answers.path('sslmode')} is disable, and IAM needs TLS", hint="leave sslmode out")
    cluster = answers.public("auth", "cluster_id")
    if cluster is None and not answers.placeholders and _SERVERLESS not in (answers.raw("host") or ""):
        raise ProjectError(
            f"{answers.path('auth', 'cluster_id')} is missing",
            hint="only an endpoint of Redshift Serverless needs none, and the host is not one",
        )
    return {
        "method": "iam",
        "cluster_id": cluster,
        "is_serverless": True if cluster is None else None,
        "region": answers.public("auth", "region"),
        "iam_profile": answers.public("auth", "profile"),
    }


_METHODS = {"password": _password, "iam": _iam}
