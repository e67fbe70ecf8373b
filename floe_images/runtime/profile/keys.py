"""Private keys in PEM: is it one, is it encrypted, does the passphrase open it. No message holds any of it."""

from __future__ import annotations

import base64
import binascii
import re

# RFC 7468, and the headers of RFC 1421 that OpenSSL's traditional format has.
_PEM = re.compile(
    r"\s*-----BEGIN (?P<label>(?:ENCRYPTED |RSA |EC )?PRIVATE KEY)-----\s*\n"
    r"(?P<headers>(?:[A-Za-z-]+: [^\n]*\n)*)(?P<body>[A-Za-z0-9+/=\s]+)-----END (?P=label)-----\s*"
)


def not_a_key(text: str) -> str | None:
    """Why ``text`` is no PEM private key; None where it is one."""
    found = _PEM.fullmatch(text.replace("\r\n", "\n"))
    if found is None:
        if "\\n" in text and "-----BEGIN" in text:
            return "is not a PEM private key: its line breaks are written as \\n"
        return "is not a PEM private key"
    try:
        base64.b64decode("".join(found["body"].split()), validate=True)
    except binascii.Error:
        return "is not a PEM private key: what it encloses is not base64"
    return None


def is_encrypted(pem: str) -> bool:
    return "-----BEGIN ENCRYPTED PRIVATE KEY-----" in pem or "Proc-Type: 4,ENCRYPTED" in pem


def opens(pem: str, passphrase: str | None) -> bool:
    """Whether the key can be read, in either of the two ways that dbt-snowflake tries; True where neither is there."""
    try:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
    except ImportError:
        return True
    data, secret = pem.strip().encode(), None if passphrase is None else passphrase.encode()
    try:
        load_pem_private_key(data, secret)
        return True
    except (ValueError, TypeError, UnsupportedAlgorithm):
        pass
    try:
        from OpenSSL import crypto
    except ImportError:
        return False
    try:
        crypto.load_privatekey(crypto.FILETYPE_PEM, data, secret or b"")
        return True
    except (crypto.Error, ValueError, TypeError):
        return False
