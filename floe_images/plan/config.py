"""What a container starts with, and what the image says of itself; inside: docs/explanation/image-contract.md.

Sources: https://github.com/opencontainers/image-spec, ``config.md`` and ``annotations.md``.
"""

from __future__ import annotations

import datetime

from floe_images import __version__
from floe_images.lock.model import Lock, LockedRecipe
from floe_images.plan.base_files import GID, UID, USER
from floe_images.plan.model import ImageConfig
from floe_images.plan.places import DAGSTER_HOME, PYTHON, SCRIPTS, STATE
from floe_images.spec.model import Spec

_RUNTIME = f"/{SCRIPTS}/floe-runtime"
_ENV = (
    ("DAGSTER_DISABLE_TELEMETRY", "yes"),
    ("DAGSTER_HOME", f"/{DAGSTER_HOME}"),
    ("DBT_LOG_PATH", "/tmp/dbt/logs"),  # noqa: S108  the image's own /tmp
    ("DBT_SEND_ANONYMOUS_USAGE_STATS", "false"),
    ("DBT_TARGET_PATH", "/tmp/dbt/target"),  # noqa: S108
    ("DO_NOT_TRACK", "1"),
    # In a container loopback would be nobody's; which addresses of the host it is published on, the host decides.
    ("FLOE_HOST", "0.0.0.0"),  # noqa: S104
    # dagster-dbt imports GitPython, which refuses to be imported where there is no git unless it is told to be quiet.
    ("GIT_PYTHON_REFRESH", "quiet"),
    ("HOME", "/tmp"),  # noqa: S108
    ("LANG", "C.UTF-8"),
    ("PATH", f"/{SCRIPTS}:/usr/bin"),
    ("PYTHONDONTWRITEBYTECODE", "1"),
    ("PYTHONNOUSERSITE", "1"),
    ("PYTHONSAFEPATH", "1"),
    ("PYTHONUNBUFFERED", "1"),
    ("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt"),
    ("TZ", "UTC"),
    ("USER", USER),
)


def image_config(labels: tuple[tuple[str, str], ...]) -> ImageConfig:
    """The same for every platform, and for a debug image."""
    return ImageConfig(
        user=f"{UID}:{GID}",
        env=_ENV,
        entrypoint=(_RUNTIME,),
        cmd=("check",),
        working_dir="/tmp",  # noqa: S108
        volumes=(f"/{STATE}",),
        labels=labels,
        exposed_ports=("3000/tcp", "4000/tcp"),
        healthcheck=("CMD", _RUNTIME, "check", "--quick"),
    )


def image_annotations(
    spec: Spec, lock: Lock, *, epoch: int, source: str | None, revision: str | None, bytecode: bool, debug: bool
) -> tuple[tuple[str, str], ...]:
    """Annotations of index and manifests, labels of configurations; sorted. ``epoch`` in seconds is `created`.

    The root is put together from packages, no image is below it: so the base is named as what it is, Debian's suite and
    the time of its indexes, and not by the name of an image that it does not contain.
    """
    found = {
        "floe.base.snapshot": rfc3339(lock.snapshot.time),
        "floe.base.suite": f"debian {lock.snapshot.suite}",
        "floe.bytecode": f"cpython-{PYTHON}" if bytecode else "none",
        "floe.lock.inputs": lock.inputs,
        "floe.manifests": "dbt" if bytecode else "none",
        "floe.version": __version__,
        "org.opencontainers.image.base.name": "scratch",
        "org.opencontainers.image.created": rfc3339(epoch),
        "org.opencontainers.image.title": f"{spec.name} (debug)" if debug else spec.name,
        "org.opencontainers.image.version": spec.image.tag,
        **({"org.opencontainers.image.source": source} if source else {}),
        **({"org.opencontainers.image.revision": revision} if revision else {}),
    }
    return tuple(sorted(found.items()))


def service_annotations(lock: Lock, locked: LockedRecipe, *, title: str, epoch: int) -> tuple[tuple[str, str], ...]:
    """As `image_annotations`, for a service: only what makes it another image when it changes."""
    found = {
        "floe.base.suite": f"debian {lock.snapshot.suite}",
        "floe.recipe": locked.recipe,
        "floe.recipe.inputs": locked.inputs,
        "org.opencontainers.image.base.name": "scratch",
        "org.opencontainers.image.created": rfc3339(epoch),
        "org.opencontainers.image.title": title,
        "org.opencontainers.image.version": locked.version,
    }
    return tuple(sorted(found.items()))


def rfc3339(seconds: int) -> str:
    """``2026-11-23T12:00:00Z`` (RFC 3339, 5.6)."""
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
