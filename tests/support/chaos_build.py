"""Kill `floe lock` and `floe build` at random moments, then see that the next run gives what it always gives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.chaos import Run, Victim, delays, kill_in_phase, leftovers
from tests.support.mirror_floe import Ground, copy_cache, index_digest, must, run_floe, whole
from tests.support.mirror_tiny import floe

# What is in the cache when the victim starts, so that its phase has all its work before it.
_CACHED: dict[str, tuple[str, ...]] = {"resolve": (), "fetch": (), "write": ("downloads", "fragments", "blobs", "memo")}
_FILES = ("floe.yaml", "floe.lock", "transform", ".floe/image")


@dataclass(kw_only=True)
class Killing:
    """``full`` is the cache of the build ``timed`` that gave ``digest``; ``counts`` the hits by phase."""

    ground: Ground
    lock: bytes
    digest: str
    full: Path
    timed: Run
    counts: Counter[str] = field(default_factory=Counter)
    tried: int = 0

    def kill(self, phase: str, *, count: int, seed: int, victims: Iterable[Victim] = ("group", "parent")) -> None:
        """Hit ``phase`` ``count`` times at moments spread over it, by turns the whole group and the parent alone."""
        verb = "lock" if phase == "resolve" else "build"
        undisturbed = self.timed
        if phase not in dict(undisturbed.phases) or phase == "write":
            undisturbed = must(run_floe(*self._prepare(f"{phase}-timed", phase), verb))
        moments = iter(delays(undisturbed, phase, count * 6, seed))
        turns = tuple(victims)
        pace = 1.0  # of this machine now, beside that of the undisturbed run: it may have been a busier one
        while self.counts[phase] < count:
            delay = next(moments) * pace
            victim = turns[self.tried % len(turns)]
            self.tried += 1
            project, env = self._prepare(f"{phase}-{seed}-{self.tried}", phase)
            killed = kill_in_phase(floe(verb), phase, delay, victim=victim, env=env, cwd=project)
            assert killed.orphans == (), f"{phase} + {delay:.3f} s: left running: {killed.orphans}"
            self.counts[phase] += killed.hit
            pace = pace if killed.hit else pace / 2
            self._nothing_half_written(project, killed.hit)
            must(run_floe(project, env, verb))
            assert (project / "floe.lock").read_bytes() == self.lock
            if verb == "build":
                assert index_digest(project / ".floe/image") == self.digest, f"{phase} + {delay:.3f} s"
                assert whole(project / ".floe/image") == [], f"{phase} + {delay:.3f} s"
            assert leftovers(project, (*_FILES, ".floe")) == []
            assert list(Path(env["TMPDIR"]).iterdir()) == [], f"{phase} + {delay:.3f} s: left outside of the cache"
            left = [path.name for path in (Path(env["FLOE_CACHE_DIR"]) / "tmp").iterdir()]
            assert [name for name in left if name.startswith("in-use")] == []

    def _prepare(self, name: str, phase: str) -> tuple[Path, dict[str, str]]:
        project = self.ground.project(name, lock=None if phase == "resolve" else self.lock)
        temporary = self.ground.folder / "homes" / name / "tmp"
        temporary.mkdir(parents=True)
        env = self.ground.environment(name, TMPDIR=str(temporary))
        copy_cache(self.full, Path(env["FLOE_CACHE_DIR"]), *_CACHED.get(phase, ("downloads",)))
        return project, env

    def _nothing_half_written(self, project: Path, hit: bool) -> None:
        """What a kill leaves is old or new: no lock or the lock, no layout or one that its index describes."""
        lock = project / "floe.lock"
        assert not lock.exists() or lock.read_bytes() == self.lock
        layout = project / ".floe/image"
        if (layout / "index.json").exists():
            damaged = [
                finding for finding in whole(layout) if not finding.endswith(("nobody's", "no part of a layout"))
            ]
            assert damaged == []
        if hit:
            assert leftovers(project, ("floe.yaml", "floe.lock", "transform", ".floe")) == []
