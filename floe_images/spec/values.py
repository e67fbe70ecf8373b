"""The small types of floe.yaml: names, sizes, addresses, references to secrets. What is refused is never repeated."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic_core import CoreSchema

#: What a pattern asks for, in words; findings are made of it.
PATTERN_WORDS: dict[str, str] = {}

STATE_FOLDER = "/var/lib/floe"
DATA_FOLDER = "/opt/floe/data"


class Strict(BaseModel):
    """The base of every part of floe.yaml: frozen, no unknown keys, no coercion, no input in error texts."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        hide_input_in_errors=True,
        # Building validators is most of what loading costs; so only the parts that a floe.yaml uses are built.
        defer_build=True,
        validate_default=False,
        protected_namespaces=(),
    )


def matching(pattern: str, words: str, longest: int = 255) -> StringConstraints:
    """A string that ``pattern`` matches wholly; ``words`` say in a finding what is asked for."""
    whole = f"^(?:{pattern})$"
    PATTERN_WORDS[whole] = words
    return StringConstraints(pattern=whole, max_length=longest)


class EnvRef(Strict):
    """A value that is read from an environment variable where the image runs or the build reaches out."""

    env: Annotated[str, matching("[A-Za-z_][A-Za-z0-9_]*", "the name of an environment variable")] = Field(
        description="Name of the environment variable that holds the value."
    )


class SecretRef(Strict):
    """A value that is read from a secret's file (``/run/secrets/NAME`` or ``$FLOE_SECRETS_DIR/NAME``)."""

    secret: Annotated[str, matching("[A-Za-z0-9][A-Za-z0-9_.-]*", "the name of a secret")] = Field(
        description="Name of the secret; its value is read from a file of that name."
    )


_REFERENCE = "{env: NAME} or {secret: name}"
_CREDENTIALS = re.compile(r"://[^/@]*:[^/@]*@")
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?)*\.?")


class _Reference:
    """``{env: NAME}`` or ``{secret: name}``; with ``plain`` also a string, once ``check`` has let it pass."""

    def __init__(self, *, plain: bool, check: Callable[[str], str] = str) -> None:
        self.plain = plain
        self.check = check

    def read(self, value: object) -> object:
        if isinstance(value, (EnvRef, SecretRef)):
            return value
        if self.plain and isinstance(value, str):
            if not value or not value.isprintable():
                raise PydanticCustomError("plain_value", "must be a line of text that is not empty")
            if _CREDENTIALS.search(value):
                raise PydanticCustomError("plain_secret", "an address may not carry a user name and a password")
            return self.check(value)
        if isinstance(value, dict) and len(value) == 1:
            if "env" in value:
                return EnvRef.model_validate(value)
            if "secret" in value:
                return SecretRef.model_validate(value)
        if self.plain:
            raise PydanticCustomError("setting", f"must be a text, {_REFERENCE}")
        raise PydanticCustomError("plain_secret", f"a secret is only ever {_REFERENCE}")

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        for model in (EnvRef, SecretRef):
            model.model_rebuild()
        ways = [handler(model.__pydantic_core_schema__) for model in (EnvRef, SecretRef)]
        return {"anyOf": [{"type": "string", "minLength": 1}, *ways] if self.plain else ways}


def _url(value: str) -> str:
    if "@" in value or "?" in value or "#" in value:
        raise PydanticCustomError("plain_secret", "an address may not carry a user name, a password, ? or #")
    return value


def _host(value: str) -> str:
    if _HOST.fullmatch(value) and len(value) <= 255:
        return value
    try:
        ipaddress.ip_address(value)
    except ValueError:
        raise PydanticCustomError(
            "host", "must be a host name or an IP address alone, without scheme, user, port or path"
        ) from None
    return value


_UNITS = {"": 1, "B": 1, "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_UNITS |= {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
_SIZE = re.compile(r"([0-9]{1,15})(?:\.([0-9]{1,9}))? ?([kKMGT]?i?B)?")


def parse_size(value: object) -> object:
    """``2GB``, ``1.5 GiB`` or a number of bytes → bytes; a GB is 10⁹ bytes, a GiB 2³⁰."""
    if isinstance(value, str):
        found = _SIZE.fullmatch(value)
        unit = _UNITS.get(found[3] or "") if found else None
        if found is None or unit is None:
            raise PydanticCustomError("size", "must be a size such as 2GB or 500MB")
        fraction = found[2] or ""
        return int(found[1] + fraction) * unit // 10 ** len(fraction)
    return value


def _under(value: str, folders: tuple[str, ...]) -> str:
    parts = value.split("/")
    if (
        not any(value.startswith(folder + "/") for folder in folders)
        or ".." in parts
        or "." in parts
        or "" in parts[1:]
    ):
        raise PydanticCustomError("place", "must lie under {folders}", {"folders": " or ".join(folders)})
    return value


def _state_path(value: str) -> str:
    return _under(value, (STATE_FOLDER, "/tmp"))  # noqa: S108  the image's own, not this machine's


def _relative(value: str) -> str:
    parts = value.split("/")
    if value.startswith("/") or "\\" in value or ":" in parts[0] or ".." in parts or not value.isprintable():
        raise PydanticCustomError("relative", "must be a path inside the project, relative to floe.yaml")
    if not set(parts) - {"", "."}:
        raise PydanticCustomError("relative", "must be a folder of its own, below the one that floe.yaml lies in")
    return value


def member_of_package(value: str) -> str:
    """``data/flights.zip!flights.csv``: paths as archives have them, each in the one before."""
    for path in value.split("!"):
        if not path or path.startswith("/") or "\\" in path or {"", ".", ".."} & set(path.split("/")):
            raise PydanticCustomError("member", "must be a path in the package's file, relative and without . and ..")
    return value


def place_of_data(value: str) -> str:
    """``flights.csv`` or ``/opt/floe/data/flights.csv`` → the latter."""
    absolute = value if value.startswith("/") else f"{DATA_FOLDER}/{value}"
    return _under(absolute, (DATA_FOLDER,))


Secret = Annotated[EnvRef | SecretRef, _Reference(plain=False)]
Setting = Annotated[str | EnvRef | SecretRef, _Reference(plain=True)]
Host = Annotated[str | EnvRef | SecretRef, _Reference(plain=True, check=_host)]
Name = Annotated[
    str, matching("[A-Za-z][A-Za-z0-9_-]*", "a name of letters, digits, _ and -, beginning with a letter", 63)
]
Line = Annotated[
    str,
    matching(r"[^\x00-\x20\x7f](?:[^\x00-\x1f\x7f]*[^\x00-\x20\x7f])?", "a line of text that is not empty", 1024),
]
Url = Annotated[
    str, matching(r"https?://[!-~]+", "an address that begins with https:// or http://"), AfterValidator(_url)
]
StatePath = Annotated[str, matching(r"/[ -~]+", "an absolute path"), AfterValidator(_state_path)]
RelativePath = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_relative)]
Size = Annotated[
    int,
    BeforeValidator(parse_size),
    Field(gt=0, lt=2**63),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": f"^{_SIZE.pattern}$"}]}),
]
Port = Annotated[int, Field(ge=1, le=65535)]
