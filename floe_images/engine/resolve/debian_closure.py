"""The closure of packages over Depends and Pre-Depends (Policy 7): pure, deterministic, no solver.

Of alternatives the first that can be had is taken, unless one is there already; of the providers of a virtual package
the first by name. A version is never traded for an older one: only the newest of each name is on offer.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence

from floe_images.engine.resolve.debian_control import Alternatives, Relation
from floe_images.engine.resolve.debian_packages import Package, Universe
from floe_images.engine.resolve.debian_versions import satisfies
from floe_images.errors import ResolveError
from floe_images.lock.base_recipe import Omission


def closure(
    universe: Universe,
    roots: Sequence[str],
    *,
    architecture: str,
    omissions: Iterable[Omission] = (),
    forbidden: Mapping[str, str] | None = None,
    asked: Sequence[str] = (),
) -> tuple[Package, ...]:
    """Every package that ``roots`` (the recipe's) and ``asked`` (the user's) need, sorted by name.

    ``forbidden`` is package → why no image gets it; the roots are exempt. Raises ResolveError for an unknown package
    of the user (all of them at once), for a dependency that nothing fulfils, a forbidden package or a conflict, naming
    the chain of packages that leads there.
    """
    _check_known(universe, (*roots, *asked))
    search = _Search(universe, architecture, omissions, set(roots), forbidden or {})
    search.run((*sorted(roots), *sorted(asked)))
    search.check_conflicts()
    return tuple(sorted(search.chosen.values(), key=lambda package: package.name))


class _Search:
    def __init__(
        self,
        universe: Universe,
        architecture: str,
        omissions: Iterable[Omission],
        exempt: set[str],
        forbidden: Mapping[str, str],
    ) -> None:
        self.chosen: dict[str, Package] = {}
        self._universe = universe
        self._architecture = architecture
        self._omitted = {(omission.package, name) for omission in omissions for name in omission.dependents}
        self._exempt = exempt
        self._forbidden = forbidden
        self._parent: dict[str, str] = {}
        self._queue: deque[Package] = deque()

    def run(self, roots: Sequence[str]) -> None:
        for name in roots:
            package = self._universe.best(name)
            if package is not None:
                self._choose(package, parent="")
        while self._queue:
            package = self._queue.popleft()
            for alternatives in package.depends:
                if not self._left_out(package.name, alternatives) and not self._there(alternatives):
                    self._choose(self._find(alternatives, package), parent=package.name)

    def check_conflicts(self) -> None:
        for package in self.chosen.values():
            for relation in (relation for alternatives in package.conflicts for relation in alternatives):
                for other in self.chosen.values():
                    if other.name != package.name and self._fulfils(other, relation):
                        raise ResolveError(
                            f"{package.name} {package.version} conflicts with {other.name} {other.version}",
                            where=f"{self.chain(package.name)} and {self.chain(other.name)}",
                            hint="leave one of them out of image.debian_packages",
                        )

    def chain(self, name: str) -> str:
        """How ``name`` came in: ``git → libcurl3-gnutls → libnghttp2-14``."""
        names = [name]
        while parent := self._parent.get(names[-1]):
            names.append(parent)
        return " → ".join(reversed(names))

    def _choose(self, package: Package, *, parent: str) -> None:
        if package.name in self.chosen:
            return
        self._parent[package.name] = parent
        reason = self._forbidden.get(package.name)
        if reason and package.name not in self._exempt:
            raise ResolveError(
                f"{package.name} {reason}, and no image has one",
                where=self.chain(package.name),
                hint="leave it out of image.debian_packages; image.debug makes a second image with a shell",
            )
        self.chosen[package.name] = package
        self._queue.append(package)

    def _left_out(self, dependent: str, alternatives: Alternatives) -> bool:
        return any(
            (relation.name, dependent) in self._omitted or (relation.name, "*") in self._omitted
            for relation in alternatives
        )

    def _there(self, alternatives: Alternatives) -> bool:
        return any(self._fulfils(package, relation) for relation in alternatives for package in self.chosen.values())

    def _find(self, alternatives: Alternatives, dependent: Package) -> Package:
        refused: list[Package] = []
        for package in self._candidates(alternatives):
            if package.name not in self._forbidden:
                return package
            refused.append(package)
        if refused:
            return refused[0]
        wanted = " | ".join(str(relation) for relation in alternatives)
        on_offer = [p for relation in alternatives if (p := self._universe.best(relation.name)) is not None]
        have = f"; on offer: {', '.join(f'{p.name} {p.version}' for p in on_offer)}" if on_offer else ""
        raise ResolveError(
            f"{dependent.name} {dependent.version} needs {wanted}: no suite has it for {self._architecture}{have}",
            where=self.chain(dependent.name),
            hint="the mirror may be in the middle of an update or carry a part of Debian only: try later, or another",
        )

    def _candidates(self, alternatives: Alternatives) -> Iterator[Package]:
        for relation in alternatives:
            package = self._universe.best(relation.name)
            if package is not None and self._fulfils(package, relation):
                yield package
            for provider in self._universe.providers(relation.name):
                if self._fulfils(provider, relation):
                    yield provider

    def _fulfils(self, package: Package, relation: Relation) -> bool:
        if relation.qualifier not in ("", "any", "native", self._architecture):
            return False
        if package.name == relation.name:
            return satisfies(package.version, relation.operator, relation.version)
        # A versioned dependency is met only by a provider that says which version it provides (Policy 7.5).
        return any(
            provided.name == relation.name
            and (
                not relation.operator
                or (bool(provided.version) and satisfies(provided.version, relation.operator, relation.version))
            )
            for provided in package.provides
        )


def _check_known(universe: Universe, names: Sequence[str]) -> None:
    unknown = [name for name in sorted(set(names)) if universe.best(name) is None]
    if not unknown:
        return
    hints = []
    for name in unknown:
        providers = [package.name for package in universe.providers(name)]
        if providers:
            hints.append(f"{name} is virtual, choose one of: {', '.join(providers)}")
        elif similar := universe.similar(name):
            hints.append(f"did you mean {' or '.join(similar)}?")
    raise ResolveError(
        f"no such Debian package: {', '.join(unknown)}",
        where="image.debian_packages",
        hint="; ".join(hints) or "see packages of the suite for the name",
    )
