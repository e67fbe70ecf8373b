"""Snowflake: a password, a key pair, or OAuth."""

from __future__ import annotations

from floe_images.errors import ProjectError
from floe_images.runtime.profile.answers import Answers, given
from floe_images.runtime.profile.keys import is_encrypted, not_a_key, opens


def snowflake(answers: Answers) -> dict[str, object]:
    """https://docs.getdbt.com/docs/core/connect-data-platform/snowflake-setup"""
    return given(
        account=answers.public("account"),
        user=answers.private("user"),
        role=answers.public("role"),
        warehouse=answers.public("warehouse"),
        database=answers.public("database"),
        schema=answers.public("schema"),
        host=answers.public("host"),
        **answers.method(_METHODS)(answers),
    )


def _password(answers: Answers) -> dict[str, object]:
    return {"password": answers.private("auth", "password")}


def _key_pair(answers: Answers) -> dict[str, object]:
    key = answers.private("auth", "private_key", check=not_a_key)
    passphrase = answers.private("auth", "passphrase")
    if not answers.placeholders:
        _check_pair(answers)
    return {"private_key": key, "private_key_passphrase": passphrase}


def _check_pair(answers: Answers) -> None:
    """Raise ProjectError unless the passphrase opens the key; the driver would not say which setting is wrong."""
    key, passphrase = answers.raw("auth", "private_key") or "", answers.raw("auth", "passphrase")
    words = {True: answers.path("auth", "passphrase"), False: answers.path("auth", "private_key")}
    if is_encrypted(key) and passphrase is None:
        raise ProjectError(f"{words[False]} is encrypted, and there is no {words[True]}")
    if not is_encrypted(key) and passphrase is not None:
        raise ProjectError(f"{words[True]} is given, and {words[False]} is not encrypted")
    if not opens(key, passphrase):
        wrong = "does not open" if passphrase is not None else "is there, and no key can be read from"
        raise ProjectError(f"{words[passphrase is not None]} {wrong} {words[False]}")


def _oauth(answers: Answers) -> dict[str, object]:
    client_id, secret = answers.private("auth", "client_id"), answers.private("auth", "client_secret")
    if (client_id is None) != (secret is None):
        missing = "client_id" if client_id is None else "client_secret"
        raise ProjectError(
            f"{answers.path('auth', missing)} is missing",
            hint="a refresh token needs client_id and client_secret, an access token neither",
        )
    return {
        "authenticator": "oauth",
        "token": answers.private("auth", "token"),
        "oauth_client_id": client_id,
        "oauth_client_secret": secret,
    }


_METHODS = {"password": _password, "key_pair": _key_pair, "oauth": _oauth}
