"""Where things lie: the image's paths, each of which a variable can move (docs/explanation/image-contract.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from floe_images.artifacts.codec import decode
from floe_images.artifacts.model import CompiledArtifacts
from floe_images.errors import ProjectError


@dataclass(frozen=True, kw_only=True)
class Places:
    artifacts: Path
    home: Path  # the root of project, data and duckdb
    state: Path  # the state volume
    secrets: Path  # one file a secret
    scratch: Path  # may be lost at any time

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Places:
        home = Path(environ.get("FLOE_HOME") or "/opt/floe")
        return cls(
            artifacts=Path(environ.get("FLOE_ARTIFACTS") or home / "artifacts.json"),
            home=home,
            state=Path(environ.get("FLOE_STATE_DIR") or "/var/lib/floe"),
            secrets=Path(environ.get("FLOE_SECRETS_DIR") or "/run/secrets"),
            scratch=Path(environ.get("TMPDIR") or "/tmp"),  # noqa: S108
        )

    def moved(self, path: str) -> str:
        """A path that floe.yaml gives under ``/var/lib/floe``, where the state volume really is; others stay."""
        try:
            return str(self.state / PurePosixPath(path).relative_to("/var/lib/floe"))
        except ValueError:
            return path


def read_artifacts(places: Places) -> CompiledArtifacts:
    """Raise ProjectError when the file is absent, unreadable or not artifacts."""
    try:
        data = places.artifacts.read_bytes()
    except OSError as fault:
        raise ProjectError(
            f"the artifacts cannot be read: {fault.strerror}",
            where=str(places.artifacts),
            hint="FLOE_ARTIFACTS names another file",
        ) from None
    return decode(data, where=str(places.artifacts))
