"""`floe lock` on a project with services, behind a mirror: the shipped locks without asking, and anew on wish."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from floe_images.lock.codec import read_lock, write_lock
from floe_images.lock.model import Lock, LockedDeb, LockedFile, LockedRecipe
from floe_images.lock.recipe import shipped_lock
from tests.offline.conftest import Locked
from tests.support.mirror_floe import assert_refused, must, run_floe

pytestmark = pytest.mark.network


def with_services(locked: Locked, name: str, services: str) -> tuple[Path, dict[str, str]]:
    project = locked.ground.project(name, lock=locked.lock)
    with (project / "floe.yaml").open("a") as file:
        file.write(f"services: {services}\n")
    return project, locked.ground.environment(name)


def lock_of(project: Path) -> Lock:
    return read_lock((project / "floe.lock").read_bytes(), "floe.lock")


def test_services_come_from_the_shipped_locks(locked: Locked) -> None:
    project, env = with_services(locked, "services", "{postgres: {}, lake: {}}")
    line = assert_refused(run_floe(project, env, "lock", "--check"), 11)
    assert "(services)" in line
    done = must(run_floe(project, env, "lock"))
    assert "+ service lake 4." in done.stdout
    assert ", 2 services (lake, postgres), for linux/amd64, linux/arm64" in done.stdout
    assert "reading Debian's index" not in done.stderr
    assert lock_of(project).services == (shipped_lock("lake"), shipped_lock("postgres"))
    must(run_floe(project, env, "lock", "--check"))
    bytes_before = (project / "floe.lock").read_bytes()
    must(run_floe(project, env, "lock"))
    assert (project / "floe.lock").read_bytes() == bytes_before


@pytest.mark.parametrize("named", ["postgres", "libpq5"])
def test_an_upgrade_resolves_the_service_anew_and_nothing_else(locked: Locked, named: str) -> None:
    project, env = with_services(locked, f"anew-{named}", "{postgres: {}, lake: {}}")
    must(run_floe(project, env, "lock"))
    before = lock_of(project)
    lake, postgres = before.services
    assert isinstance(postgres, LockedRecipe)
    # An old lock, of a version that no mirror has any more.
    old = replace(
        postgres,
        version="15.1-1",
        debian=tuple(
            (platform, tuple(_aged(deb) if deb.name == "libpq5" else deb for deb in debs))
            for platform, debs in postgres.debian
        ),
    )
    (project / "floe.lock").write_bytes(write_lock(replace(before, services=(lake, old))))
    told = json.loads(must(run_floe(project, env, "lock", "--upgrade", named, "--json")).stdout)
    assert [(change["kind"], change["name"]) for change in told["changes"]] == [("service", "postgres")]
    after = lock_of(project)
    assert (after.services[0], after.wheels, after.debian) == (lake, before.wheels, before.debian)
    found = after.services[1]
    assert isinstance(found, LockedRecipe)
    assert found.version != "15.1-1"
    assert [deb.name for deb in found.debian[0][1]] == [deb.name for deb in postgres.debian[0][1]]
    assert found.inputs == postgres.inputs
    # The base's own packages are not repeated.
    assert not {deb.name for deb in found.debian[0][1]} & {deb.name for deb in before.debian[0][1]}


def _aged(deb: LockedDeb) -> LockedDeb:
    file = LockedFile(name=f"libpq5_15.1-1_{deb.architecture}.deb", size=1, sha256="0" * 64)
    return replace(deb, version="15.1-1", pool=f"pool/main/p/postgresql-15/{file.name}", file=file)


@pytest.mark.acceptance
def test_a_package_that_no_mirror_has_any_more_names_the_way_out(locked: Locked) -> None:
    project, env = with_services(locked, "services-gone", "{postgres: {}}")
    must(run_floe(project, env, "lock"))
    lock = lock_of(project)
    (postgres,) = lock.services
    assert isinstance(postgres, LockedRecipe)
    old = replace(
        postgres,
        debian=tuple(
            (platform, tuple(_aged(deb) if deb.name == "libpq5" else deb for deb in debs))
            for platform, debs in postgres.debian
        ),
    )
    (project / "floe.lock").write_bytes(write_lock(replace(lock, services=(old,))))
    run = run_floe(project, env, "build", "--locked")
    assert "libpq5_15.1-1" in assert_refused(run, 15)
    assert "floe lock --upgrade libpq5" in run.stderr
