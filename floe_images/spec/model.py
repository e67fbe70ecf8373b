"""floe.yaml 1.0 as a value: every setting, frozen. ``load`` reads it, ``schema`` makes a JSON Schema out of it."""

# No `from __future__ import annotations`: pydantic would compile each annotation out of its text at every start.
import re
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from floe_images.spec.image import DataSpec, ImageSpec
from floe_images.spec.orchestration import Observability, Orchestration
from floe_images.spec.targets import Adapter
from floe_images.spec.unions import one_of, part
from floe_images.spec.values import Name, RelativePath, Strict, matching

if TYPE_CHECKING:
    from floe_images.spec.catalogs import GlueCatalog, HiveCatalog, LocalCatalog, PolarisCatalog, RestCatalog
    from floe_images.spec.exports import Export
    from floe_images.spec.postgres import PostgresTarget
    from floe_images.spec.services import Services
    from floe_images.spec.targets import DuckDBTarget
    from floe_images.spec.warehouses import BigQueryTarget, DatabricksTarget, RedshiftTarget, SnowflakeTarget

    Target = DuckDBTarget | PostgresTarget | SnowflakeTarget | BigQueryTarget | RedshiftTarget | DatabricksTarget
    OrchestrationPart = Orchestration
    ObservabilityPart = Observability
    Catalog = PolarisCatalog | RestCatalog | HiveCatalog | GlueCatalog | LocalCatalog
    ServicesPart = Services
else:
    Target = one_of(
        "adapter",
        duckdb="targets:DuckDBTarget",
        postgres="postgres:PostgresTarget",
        snowflake="warehouses:SnowflakeTarget",
        bigquery="warehouses:BigQueryTarget",
        redshift="warehouses:RedshiftTarget",
        databricks="warehouses:DatabricksTarget",
    )
    OrchestrationPart = part("orchestration:Orchestration")
    ObservabilityPart = part("orchestration:Observability")
    ServicesPart = part("services:Services")
    Export = part("exports:Export")
    Catalog = one_of(
        "type",
        polaris="catalogs:PolarisCatalog",
        rest="catalogs:RestCatalog",
        hive="catalogs:HiveCatalog",
        glue="catalogs:GlueCatalog",
        local="catalogs:LocalCatalog",
    )

_PROJECT_NAME = "[a-z][a-z0-9]*(?:[_-][a-z0-9]+)*"
_LONGEST_NAME = 63


class DbtTransform(Strict):
    """A dbt project."""

    type: Literal["dbt"] = Field(description="dbt.")
    path: RelativePath = Field(description="Folder of the dbt project, relative to floe.yaml.")


class Spec(Strict):
    """A floe project: one pipeline, the image that it runs in, and what it talks to."""

    version: Literal["1.0"] = Field(description="Version of floe.yaml's format.")
    name: Annotated[
        str, matching(_PROJECT_NAME, "lower-case letters and digits, with single _ or - between", _LONGEST_NAME)
    ] = Field(description="Name of the project.")
    image: ImageSpec = Field(default_factory=ImageSpec.model_construct, description="The image.")
    adapters: tuple[Adapter, ...] = Field(min_length=1, description="dbt adapters that the image carries.")
    targets: dict[Name, Target] = Field(min_length=1, description="Where dbt's SQL runs, by name.")
    default_target: Name = Field(description="The target that is used unless another is asked for.")
    catalogs: dict[Name, Catalog] = Field(default={}, description="Apache Iceberg catalogs, by name.")
    services: ServicesPart | None = Field(default=None, description="What floe runs beside the pipeline.")
    transforms: tuple[DbtTransform, ...] = Field(min_length=1, description="dbt projects.")
    exports: tuple[Export, ...] = Field(
        default=(), description="What models have made, written as Iceberg tables into catalogs."
    )
    data: tuple[DataSpec, ...] = Field(default=(), description="Data files that the image carries.")
    orchestration: OrchestrationPart = Field(
        default_factory=Orchestration.model_construct, description="When the pipeline runs."
    )
    observability: ObservabilityPart = Field(
        default_factory=Observability.model_construct, description="Who is told what the pipeline does."
    )

    @model_validator(mode="before")
    @classmethod
    def _name_the_repository(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        name, image = data.get("name"), data.get("image", {})
        named = isinstance(name, str) and len(name) <= _LONGEST_NAME and re.fullmatch(_PROJECT_NAME, name)
        if named and isinstance(image, dict) and "repository" not in image:
            return {**data, "image": {**image, "repository": f"localhost/{name}"}}
        return data
