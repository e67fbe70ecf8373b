"""This process becomes the one that runs dbt with a profile: its environment, and the manners of adapter and driver.

Some of what a driver must be told can be said neither in dbt's profile nor by a variable.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from floe_images.runtime.profile import Profile


def settle(profile: Profile) -> None:
    """Call it when dbt and the adapter can be imported, and before dbt is invoked. Needs dbt."""
    os.environ.update(added(profile, os.environ))
    (document,) = profile.document.values()
    assert isinstance(document, dict)
    (output,) = document["outputs"].values()
    if output["type"] == "snowflake":
        _snowflake(output.get("host"))
    elif output["type"] == "bigquery":
        _bigquery()
    elif output["type"] == "duckdb":
        from floe_images.runtime.dbt.lake import into_catalog

        into_catalog(profile.catalog)
    elif output["type"] == "databricks":
        from floe_images.runtime.dbt.iceberg import iceberg_by_default

        iceberg_by_default()
        _databricks()


def added(profile: Profile, environ: Mapping[str, str]) -> dict[str, str]:
    """What `settle` adds to the environment ``environ``."""
    found = {**dict(profile.secrets), **dict(profile.environ)}
    # OpenSSL reads SSL_CERT_FILE by itself; requests and boto3 would ask only the authorities that came with them.
    if environ.get("SSL_CERT_FILE") and not environ.get("REQUESTS_CA_BUNDLE"):
        found["REQUESTS_CA_BUNDLE"] = environ["SSL_CERT_FILE"]
    return found


def _snowflake(host: str | None) -> None:
    """No telemetry, no token kept in a file; a refresh token is exchanged at the host that floe.yaml names."""
    import snowflake.connector
    from dbt.adapters.snowflake import connections

    if host and "{{" not in host:
        connections._TOKEN_REQUEST_URL = f"https://{host}/oauth/token-request"
    opened = snowflake.connector.connect
    if getattr(opened, "floe", False):
        return

    def connect(**given: Any) -> Any:
        session = {**(given.get("session_parameters") or {}), "CLIENT_TELEMETRY_ENABLED": False}
        kept = {"client_store_temporary_credential": False, "client_request_mfa_token": False}
        connection = opened(**{**given, **kept, "session_parameters": session})
        connection.telemetry_enabled = False
        return connection

    connect.floe = True  # type: ignore[attr-defined]
    snowflake.connector.connect = connect


def _databricks() -> None:
    """A connection whose login was refused has no session, and the driver's destructor asks that whether it is open.

    Python prints a traceback for a destructor that fails.
    """
    from databricks.sql.client import Connection

    Connection.session = SimpleNamespace(is_open=False)


def _bigquery() -> None:
    """google-auth asks iamcredentials.googleapis.com beside each token where it may be used, for the sake of routing.

    It has no switch for that, and does without the answer.
    """
    from google.auth import credentials

    credentials.CredentialsWithRegionalAccessBoundary._is_regional_access_boundary_lookup_required = _never


def _never(_credentials: Any) -> bool:
    return False
