"""``floe secrets rotate``: new values for what floe's own services ask for, while the platform stays up.

PostgreSQL has one password a role, and Dagster opens a connection for each event: a run that goes on would fail with
the old one. So runs that are under way end first, no new one begins, and then all readers change at once. A kill at any
moment leaves secrets that are whole, and notes of who has older ones: the next `floe up` makes those anew.
"""

from __future__ import annotations

from collections.abc import Sequence

from floe_images.engine.compose import check_owner, states
from floe_images.engine.docker.connect import connect
from floe_images.engine.environment.home import home_of
from floe_images.errors import ProjectError, UsageError
from floe_images.lock.model import Lock
from floe_images.plan.secrets import NamedSecret, make_value, named_secrets
from floe_images.progress import Progress
from floe_images.render.artifacts import compile_artifacts
from floe_images.site.changed import note_changed
from floe_images.site.composition import composition, derived_secrets, service_names
from floe_images.site.pause import PATIENCE, RUNS, Pace, drained
from floe_images.site.profiles import as_it_was
from floe_images.site.secret_files import there, write_secret
from floe_images.site.up import bring_up
from floe_images.spec.load import Loaded

_FORMS = ("password", "key_id", "pair")  # what Polaris keeps in its database is changed there


def rotate_secrets(
    loaded: Loaded, lock: Lock, names: Sequence[str], *, pace: Pace, progress: Progress
) -> tuple[str, ...]:
    """Give ``names`` (none: all that floe makes) new values; the names. Returns when all is healthy with them.

    Raises UsageError for a name that is not floe's to make, ServiceError where runs are under way for longer than
    ``pace`` allows, and nothing has changed then; EngineError, DiskError, DiskFullError.
    """
    chosen = _chosen(loaded, lock, names)
    project = composition(loaded)
    check_owner(project)
    with connect() as engine:
        found = states(loaded.spec.name)
        if not any(state.health in RUNS for state in found):
            _write(loaded, lock, chosen)
            return tuple(each.name for each in chosen)
        with drained(found, engine, pace, progress):
            progress.phase("rotate")
            _write(loaded, lock, chosen)
            bring_up(as_it_was(project, found), patience=PATIENCE, progress=progress)
    return tuple(each.name for each in chosen)


def _chosen(loaded: Loaded, lock: Lock, names: Sequence[str]) -> tuple[NamedSecret, ...]:
    named = named_secrets(compile_artifacts(loaded.spec, lock), service_names(loaded.spec))
    ours = {each.name: each for each in named if each.service and each.form in _FORMS}
    for each in named:
        if each.name in names and each.name not in ours:
            by_hand = f"`floe secrets set {each.name}`, then `floe up`"
            kept = "Polaris keeps it: change it there, then " if each.form in ("root", "polaris") else ""
            raise UsageError(f"{each.name} is not floe's to make", hint=kept + by_hand)
    for name in names:
        if name not in ours:
            raise UsageError(
                f"floe.yaml refers to no secret {name!r}",
                hint=f"floe makes: {', '.join(ours) or 'none of its secrets'}",
            )
    chosen = tuple(ours[name] for name in dict.fromkeys(names or ours))
    folder = home_of(loaded.base).secrets
    missing = [each.name for each in chosen if not there(folder, each.name)]
    if missing:
        raise ProjectError(f"missing: {', '.join(missing)}", hint="`floe secrets init` makes them")
    return chosen


def _write(loaded: Loaded, lock: Lock, chosen: Sequence[NamedSecret]) -> None:
    folder = home_of(loaded.base).secrets
    derived = tuple(name for name, _ in derived_secrets(loaded, lock))
    note_changed(loaded.base, (*(each.name for each in chosen), *derived))
    for each in chosen:
        assert each.form
        write_secret(folder, each.name, make_value(each.form))
    for name, content in derived_secrets(loaded, lock):
        write_secret(folder, name, content.decode())
