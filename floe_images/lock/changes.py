"""What is different between two locks, for people and for scripts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from floe_images.lock.model import Lock, LockedImage, LockedService


@dataclass(frozen=True, kw_only=True, order=True)
class Change:
    """``before`` is None for what was added, ``after`` for what was removed; equal where only the files differ."""

    kind: str  # python, debian, data, service
    name: str
    before: str | None
    after: str | None

    def __str__(self) -> str:
        if self.before is None:
            return f"+ {self.kind} {self.name} {self.after}"
        if self.after is None:
            return f"- {self.kind} {self.name} {self.before}"
        if self.before == self.after:
            return f"~ {self.kind} {self.name} {self.after} (other files)"
        return f"~ {self.kind} {self.name} {self.before} → {self.after}"


def changes(old: Lock | None, new: Lock) -> tuple[Change, ...]:
    """Sorted by kind and name; everything is an addition where there was no lock."""
    before = _contents(old) if old else {}
    after = _contents(new)
    return tuple(_compare(before, after))


_Contents = dict[tuple[str, str], tuple[str, object]]


def _contents(lock: Lock) -> _Contents:
    """(kind, name) → (version, what else is compared). A Debian package counts once for all architectures."""
    debs: dict[str, set[tuple[str, str]]] = {}
    for _, packages in lock.debian:
        for deb in packages:
            debs.setdefault(deb.name, set()).add((deb.version, deb.file.sha256))
    return {
        **{("python", wheel.name): (wheel.version, wheel.files) for wheel in lock.wheels},
        **{("debian", name): (", ".join(sorted({one[0] for one in found})), found) for name, found in debs.items()},
        **{("data", data.name): (f"{data.package} {data.version}", data) for data in lock.data},
        **{("service", service.service): (_version(service), service) for service in lock.services},
    }


def _version(service: LockedService) -> str:
    return service.reference if isinstance(service, LockedImage) else service.version


def _compare(
    before: Mapping[tuple[str, str], tuple[str, object]], after: Mapping[tuple[str, str], tuple[str, object]]
) -> Iterator[Change]:
    for key in sorted({*before, *after}):
        old, new = before.get(key), after.get(key)
        if old != new:
            yield Change(kind=key[0], name=key[1], before=old[0] if old else None, after=new[0] if new else None)
