"""BigQuery: a service account's key, application default credentials, or workload identity."""

from __future__ import annotations

import json
from pathlib import Path

from floe_images.errors import ProjectError
from floe_images.runtime.profile.answers import Answers, given, literal
from floe_images.runtime.profile.keys import not_a_key

_CREDENTIALS = "GOOGLE_APPLICATION_CREDENTIALS"
_PUBLIC = ("type", "token_uri", "universe_domain")
_HELD = ("client_email", "private_key_id", "private_key")


def bigquery(answers: Answers) -> dict[str, object]:
    """https://docs.getdbt.com/docs/core/connect-data-platform/bigquery-setup"""
    return given(
        project=answers.public("project"),
        dataset=answers.public("dataset"),
        location=answers.public("location"),
        execution_project=answers.public("execution_project"),
        impersonate_service_account=answers.public("impersonate_service_account"),
        api_endpoint=answers.public("api_endpoint"),
        **answers.method(_METHODS)(answers),
    )


def _service_account(answers: Answers) -> dict[str, object]:
    """The key goes into the profile without a file; of its parts, those that nobody else knows as variables."""
    if answers.placeholders:
        return {"method": "service-account-json", "keyfile_json": {"type": "service_account"}}
    path, text = answers.path("auth", "key"), answers.raw("auth", "key") or ""
    key = _document(path, text, "service_account", "the key file of a service account")
    for name in ("client_email", "private_key", "token_uri"):
        if not isinstance(key.get(name), str):
            raise ProjectError(f"{path} has no {name}", hint="it is the whole JSON key file of a service account")
    if not_a_key(str(key["private_key"])):
        raise ProjectError(f"{path}: its private_key {not_a_key(str(key['private_key']))}")
    parts: dict[str, object] = {name: literal(path, str(key[name])) for name in _PUBLIC if name in key}
    parts.update({name: answers.hold(str(key[name]), "auth", "key") for name in _HELD if name in key})
    return {"method": "service-account-json", "keyfile_json": parts}


def _application_default(answers: Answers) -> dict[str, object]:
    """google-auth finds them: https://google.aip.dev/auth/4110"""
    # Else google-auth asks gcloud or Google's resource manager for a project that nobody needs.
    project = answers.raw("execution_project") or answers.raw("project")
    if project and not answers.placeholders:
        answers.environ["GOOGLE_CLOUD_PROJECT"] = project
    return {"method": "oauth"}


def _workload_identity(answers: Answers) -> dict[str, object]:
    """https://google.aip.dev/auth/4117; the configuration names where tokens come from and holds none."""
    value = None if answers.placeholders else answers.raw("auth", "credential_config")
    if value is not None:
        path = answers.path("auth", "credential_config")
        file = Path(value)
        if value.lstrip().startswith("{"):
            # A mounted secret that is the configuration itself: google-auth reads its file where it lies.
            mounted = answers.file("auth", "credential_config")
            if mounted is None:
                raise ProjectError(f"{path} is the configuration itself; mount it as a file", hint="or name its path")
            file = mounted
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as fault:
            why = fault.strerror if isinstance(fault, OSError) else "it is not UTF-8 text"
            raise ProjectError(f"the file that {path} names cannot be read: {why}") from None
        _document(path, text, "external_account", "a credential configuration of workload identity")
        answers.environ[_CREDENTIALS] = str(file)
    return _application_default(answers)


def _document(path: str, text: str, kind: str, words: str) -> dict[str, object]:
    """JSON of ``"type": kind``. Raise ProjectError, which quotes nothing of it."""
    try:
        found = json.loads(text)
    except ValueError:
        raise ProjectError(f"{path} is not JSON", hint=f"it is {words}") from None
    if not isinstance(found, dict) or found.get("type") != kind:
        raise ProjectError(f'{path} is JSON, but not of "type": "{kind}"', hint=f"it is {words}")
    return found


_METHODS = {
    "service_account": _service_account,
    "application_default": _application_default,
    "workload_identity": _workload_identity,
}
