"""``services``: what runs beside the pipeline on one machine, and where the image of each comes from."""

# No `from __future__ import annotations`: pydantic would compile each annotation out of its text at every start.
from collections.abc import Callable
from importlib import resources
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from floe_images.spec.image import REPOSITORY
from floe_images.spec.unions import part
from floe_images.spec.values import Port, Size, Strict, matching

POLARIS_IMAGE = "apache/polaris:1.8.0"

# https://github.com/distribution/reference, grammar of `tag` and `digest`.
_TAG = "[A-Za-z0-9_][A-Za-z0-9._-]{0,127}"
_DIGEST = "sha256:[0-9a-f]{64}"
_REFERENCE = rf"{REPOSITORY}(?::{_TAG}(?:@{_DIGEST})?|@{_DIGEST})"


def recipes_of(service: str) -> tuple[str, ...]:
    """The shipped recipes of a service: a recipe's name is the service's, or that with a suffix."""
    folder = resources.files("floe_images") / "data" / "recipes"
    names = sorted(file.name.removesuffix(".toml") for file in folder.iterdir() if file.name.endswith(".toml"))
    return tuple(name for name in names if name == service or name.startswith(f"{service}-"))


def _recipe_of(service: str) -> Callable[[str], str]:
    def known(name: str) -> str:
        recipes = recipes_of(service)
        if name not in recipes:
            raise PydanticCustomError("enum_word", "{words}", {"words": recipes})
        return name

    return known


_RECIPE = matching("[a-z][a-z0-9]*(?:-[a-z0-9]+)*", "the name of a recipe", 63)
_RECIPE_TEXT = "Recipe that makes the image from packages; the service's own unless image is given."
_IMAGE_TEXT = "Image of a registry, instead of a recipe."

PostgresRecipe = Annotated[str, _RECIPE, AfterValidator(_recipe_of("postgres"))]
LakeRecipe = Annotated[str, _RECIPE, AfterValidator(_recipe_of("lake"))]
ImageReference = Annotated[
    str, matching(_REFERENCE, "an image's name with a tag or a digest, such as apache/polaris:1.8.0", 512)
]


class AnyService(Strict):
    """What every service has."""

    memory: Size | None = Field(default=None, description="Most memory that it takes, such as 512MiB.")
    port: Port | None = Field(
        default=None, description="Port of this machine's 127.0.0.1 that it is reached on; none: it is not published."
    )


class PostgresService(AnyService):
    """PostgreSQL, on port 5432 of the platform's network."""

    recipe: PostgresRecipe | None = Field(default=None, description=_RECIPE_TEXT)
    image: ImageReference | None = Field(default=None, description=_IMAGE_TEXT)


class LakeService(AnyService):
    """Iceberg REST catalog with OAuth2 (port 8181 of the platform's network) and S3 store (port 8333)."""

    recipe: LakeRecipe | None = Field(default=None, description=_RECIPE_TEXT)
    s3_port: Port | None = Field(
        default=None, description="Port of this machine's 127.0.0.1 that the S3 store is reached on."
    )


class PolarisService(AnyService):
    """Apache Polaris, on port 8181 of the platform's network; it has no recipe."""

    image: ImageReference = Field(default=POLARIS_IMAGE, description="Image of a registry.")


Service = PostgresService | LakeService | PolarisService

if TYPE_CHECKING:
    PostgresPart = PostgresService
    LakePart = LakeService
    PolarisPart = PolarisService
else:
    PostgresPart = part("services:PostgresService")
    LakePart = part("services:LakeService")
    PolarisPart = part("services:PolarisService")


class Services(Strict):
    """What floe runs beside the pipeline; ``{}`` is a service with everything left to floe."""

    postgres: PostgresPart | None = Field(default=None, description="PostgreSQL.")
    lake: LakePart | None = Field(default=None, description="An S3 store and an Iceberg REST catalog in one process.")
    polaris: PolarisPart | None = Field(default=None, description="Apache Polaris, a catalog with roles and grants.")

    @model_validator(mode="before")
    @classmethod
    def _named_is_wanted(cls, data: Any) -> Any:
        """``postgres:`` with nothing after it is a service as well."""
        if not isinstance(data, dict):
            return data
        return {name: {} if value is None else value for name, value in data.items()}

    def each(self) -> tuple[tuple[str, Service], ...]:
        """Those that run, by name."""
        named: tuple[tuple[str, Service | None], ...] = (
            ("lake", self.lake),
            ("polaris", self.polaris),
            ("postgres", self.postgres),
        )
        return tuple((name, service) for name, service in named if service is not None)


def recipe_of(name: str, service: Service) -> str | None:
    """The recipe that makes the image of a service; None where it comes from a registry."""
    if isinstance(service, PolarisService) or image_of(service) is not None:
        return None
    return service.recipe or name


def image_of(service: Service) -> str | None:
    """The reference that floe.yaml gives, if any; the lake has none, since preparing its volume needs the recipe."""
    return None if isinstance(service, LakeService) else service.image
