"""Which secrets `floe secrets rotate` changes, and what it notes; the rest is in tests/engine/test_backup."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from floe_images.engine.compose import ComposeProject
from floe_images.errors import EngineError, ProjectError, UsageError
from floe_images.progress import SILENT
from floe_images.site.changed import note_changed, renew_readers
from floe_images.site.pause import Pace
from floe_images.site.rotate import rotate_secrets
from floe_images.spec.load import Loaded, load_spec
from tests.unit.plan.test_secrets import YAML

NO_LOCK: Any = None


@pytest.fixture
def loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Loaded:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    monkeypatch.delenv("FLOE_SECRETS_DIR", raising=False)
    (tmp_path / "transform").mkdir()
    (tmp_path / "floe.yaml").write_text(YAML + "services: {postgres: {}, lake: {}}\n")
    return load_spec(tmp_path / "floe.yaml")


def rotate(loaded: Loaded, *names: str) -> tuple[str, ...]:
    return rotate_secrets(loaded, NO_LOCK, names, pace=Pace(), progress=SILENT)


def test_what_is_not_floes_to_make_is_refused_before_anything_changes(loaded: Loaded) -> None:
    with pytest.raises(UsageError, match="far is not floe's to make") as mine:
        rotate(loaded, "far", "lake")
    assert mine.value.hint == "`floe secrets set far`, then `floe up`"
    with pytest.raises(UsageError, match="refers to no secret 'nosuch'") as unknown:
        rotate(loaded, "nosuch")
    assert unknown.value.hint == "floe makes: lake, meta, s3_id, s3_key, warehouse"
    with pytest.raises(ProjectError, match="missing: meta"):
        rotate(loaded, "meta")


def test_nothing_changes_where_no_engine_says_who_reads_it(loaded: Loaded) -> None:
    folder = loaded.base / ".floe/secrets"
    folder.mkdir(parents=True)
    (folder / "meta").write_text("old\n")
    with pytest.raises(EngineError):
        rotate(loaded, "meta")
    assert [(path.name, path.read_text()) for path in folder.iterdir()] == [("meta", "old\n")]


def test_a_changed_secret_is_noted_where_something_was_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    note_changed(tmp_path, ("a",))
    assert list(tmp_path.iterdir()) == []
    compose = tmp_path / ".floe/compose"
    compose.mkdir(parents=True)
    project = ComposeProject(name="x", files=(compose / "dagster.yaml",))
    renew_readers(project, SILENT)  # nobody is asked where nothing is noted
    note_changed(tmp_path, ("a", "b"))
    with pytest.raises(EngineError):
        renew_readers(project, SILENT)
    assert sorted(path.name for path in (compose / "changed-secrets").iterdir()) == ["a", "b"]
