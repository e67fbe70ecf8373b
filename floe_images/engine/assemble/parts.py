"""From a planned part to its stream of entries, and the key of what those depend on."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from floe_images.engine.assemble.collide import Exclusions, exclusions
from floe_images.engine.assemble.data_part import data_entries
from floe_images.engine.assemble.deb import deb_entries, deb_key
from floe_images.engine.assemble.entry import Content, Entries, Entry, no_content
from floe_images.engine.assemble.prune import prune_rules
from floe_images.engine.assemble.runtime_wheel import runtime_source
from floe_images.engine.assemble.tree import read_tree, tree_entries
from floe_images.engine.assemble.wheel import WHEEL_RULES, WheelSource, wheel_entries
from floe_images.engine.store import Store
from floe_images.engine.verified import verified
from floe_images.image.platform import Platform
from floe_images.plan.model import (
    DataPart,
    DebPart,
    FilesPart,
    ImagePlan,
    Part,
    Plan,
    PlannedFile,
    RuntimePart,
    TreePart,
    WheelPart,
)
from floe_images.progress import Progress


@dataclass(frozen=True, kw_only=True)
class PartStream:
    """``key`` is 64 hex digits over all that the entries depend on; what is done to them afterwards (bytecode, tar,
    compression) is for the packer to add. ``entries`` starts a fresh stream at each call and reads nothing before."""

    key: str
    name: str  # for progress and messages: a package's name, the tree's source
    entries: Callable[[], Entries]


@dataclass(frozen=True, kw_only=True)
class PartContext:
    """``files`` maps a locked sha256 to the verified file, ``project`` is the folder of floe.yaml."""

    files: Mapping[str, Path]
    project: Path
    progress: Progress
    exclusions: Exclusions


def prepare(
    plan: Plan,
    *,
    files: Mapping[str, Path],
    project: Path,
    store: Store,
    progress: Progress,
    workshop: ImagePlan | None = None,
) -> PartContext:
    """Decide once for the whole plan, and for the image that ``workshop`` is, which wheel keeps a path that several
    bring.

    Raises CollisionError, HostileArchiveError, WrongMachineError.
    """
    images = dict.fromkeys([*plan.images, *([workshop] if workshop else [])])
    decided = exclusions(dataclasses.replace(plan, images=tuple(images)), files=files, store=store)
    return PartContext(files=files, project=project, progress=progress, exclusions=decided)


def part_stream(part: Part, context: PartContext, *, platform: Platform) -> PartStream:
    """The entries of one part. ``platform`` is the image's; for a layer that all share, any of them.

    Raises ProjectError for a tree (which is read here, since its key is its content); the stream raises what the part's
    reader raises.
    """
    if isinstance(part, DebPart):
        return _deb(part, context)
    if isinstance(part, WheelPart):
        return _wheel(part, context, platform)
    if isinstance(part, RuntimePart):
        return _runtime(part)
    if isinstance(part, FilesPart):
        return _files(part)
    if isinstance(part, TreePart):
        return _tree(part, context)
    if isinstance(part, DataPart):
        return _data(part, context)
    raise TypeError(f"{type(part).__name__} is not read from a file")


def _deb(part: DebPart, context: PartContext) -> PartStream:
    file = part.deb.file
    path = context.files[file.sha256]
    return PartStream(
        key=deb_key(part),
        name=part.deb.name,
        entries=lambda: deb_entries(verified(path, file.sha256, file.name), part),
    )


def _wheel(part: WheelPart, context: PartContext, platform: Platform) -> PartStream:
    file = part.wheel.file_for(part.platform or platform)
    if file is None:
        raise ValueError(f"{part.wheel.name} has no wheel for {part.platform or platform}")
    source = WheelSource(
        path=context.files[file.sha256],
        file_name=file.name,
        name=part.wheel.name,
        version=part.wheel.version,
        platform=part.platform,
        excluded=context.exclusions.of(part.wheel.name, part.platform),
    )
    return _wheel_stream(source, file.sha256, context.files[file.sha256])


def _runtime(part: RuntimePart) -> PartStream:
    source = runtime_source(part.version)
    if not isinstance(source.path, bytes):
        raise TypeError("the runtime's wheel is made in memory")
    return _wheel_stream(source, hashlib.sha256(source.path).hexdigest())


def _wheel_stream(source: WheelSource, sha256: str, path: Path | None = None) -> PartStream:
    """``path`` is the source's where it lies in the cache."""

    def entries() -> Entries:
        if path is not None:
            verified(path, sha256, source.file_name)
        return wheel_entries(source)

    key = _key(
        "wheel", WHEEL_RULES, prune_rules().digest, source.name, sha256, source.platform, sorted(source.excluded)
    )
    return PartStream(key=key, name=source.name, entries=entries)


def _files(part: FilesPart) -> PartStream:
    key = _key("files", *((file.path, file.mode, file.data, file.link, file.folder) for file in part.files))
    return PartStream(key=key, name=part.name, entries=lambda: (_planned(file) for file in part.files))


def _planned(file: PlannedFile) -> tuple[Entry, Content]:
    if file.folder:
        return Entry(path=file.path, kind="dir", mode=file.mode), no_content
    if file.link is not None:
        return Entry(path=file.path, kind="symlink", mode=0o777, link=file.link), no_content
    return Entry(path=file.path, kind="file", mode=file.mode, size=len(file.data)), lambda: (file.data,)


def _tree(part: TreePart, context: PartContext) -> PartStream:
    tree = read_tree(context.project / part.source, where=part.source, base=context.project)
    for left_out in tree.secrets:
        context.progress.note(f"{part.source}/{left_out} looks like a secret and stays out of the image")
    return PartStream(
        key=_key("tree", part.place, tree.digest),
        name=part.source,
        entries=lambda: tree_entries(tree, place=part.place),
    )


def _data(part: DataPart, context: PartContext) -> PartStream:
    data = part.data
    path = context.files[data.file.sha256]
    return PartStream(
        key=_key("data", part.place, data.sha256, data.size),
        name=data.name,
        entries=lambda: data_entries(data, place=part.place, path=verified(path, data.file.sha256, data.file.name)),
    )


def _key(*values: object) -> str:
    return hashlib.sha256("\n".join(repr(value) for value in values).encode()).hexdigest()
