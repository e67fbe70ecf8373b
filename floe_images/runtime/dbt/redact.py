"""Takes secrets out of text before it leaves the process, also where it is escaped, quoted or encoded."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

_HIDDEN = "*****"
_LINE = 16  # of a secret of many lines (a private key), a line of this many characters is a secret too


class Redactor:
    """Callable: text in, text without secrets out. Holds secrets; its repr shows none."""

    def __init__(self) -> None:
        self._forms: tuple[str, ...] = ()

    def learn(self, secrets: Iterable[str]) -> None:
        forms = set(self._forms)
        for secret in secrets:
            pieces = [secret, *(line for line in secret.splitlines() if len(line) >= _LINE)]
            for piece in filter(None, pieces):
                forms.update(_forms(piece))
        # The longest first: one secret may be a part of another.
        self._forms = tuple(sorted(forms, key=lambda form: (-len(form), form)))

    def __call__(self, text: str) -> str:
        for form in self._forms:
            if form in text:
                text = text.replace(form, _HIDDEN)
        return text


def _forms(secret: str) -> Iterable[str]:
    encoded = base64.b64encode(secret.encode()).decode().rstrip("=")
    return (
        secret,
        json.dumps(secret)[1:-1],
        repr(secret)[1:-1],
        quote(secret),
        quote(secret, safe=""),
        quote_plus(secret),
        *([encoded] if len(encoded) >= _LINE else []),
    )
