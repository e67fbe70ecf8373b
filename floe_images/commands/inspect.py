"""``floe inspect``: what is in an image that lies on the disk: layers, packages, files, sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from floe_images.commands.options import as_json as json_option
from floe_images.errors import UsageError, WrongHashError
from floe_images.image.place import DEFAULT_LAYOUT
from floe_images.progress import Console

if TYPE_CHECKING:
    from floe_images.image.contents import ImageContents
    from floe_images.image.read import StoredImage

_SHOWN_FILES = 30
_SECTIONS = ("layers", "packages", "files")


@dataclass(frozen=True, kw_only=True)
class _Inspected:
    image: StoredImage
    contents: ImageContents

    @property
    def size(self) -> int:
        return sum(layer.size for layer in self.image.layers)

    @property
    def unpacked(self) -> int:
        return sum(self.contents.unpacked)


@click.command()
@click.argument("image", type=click.Path(path_type=Path), default=Path(DEFAULT_LAYOUT))
@click.option("--layers", is_flag=True, help="The layers: name, digest, size stored and unpacked.")
@click.option("--packages", is_flag=True, help="The Debian and Python packages.")
@click.option("--files", is_flag=True, help=f"The {_SHOWN_FILES} largest files; with --json all of them.")
@click.option("--verify", is_flag=True, help="First check every size, digest and path; exit code 21 for what is wrong.")
@click.option("--platform", metavar="OS/ARCH", help="Only this platform.")
@json_option
@click.pass_obj
def command(
    console: Console,
    image: Path,
    layers: bool,
    packages: bool,
    files: bool,
    verify: bool,
    platform: str | None,
    as_json: bool,
) -> int:
    """Show what is in IMAGE, an OCI layout folder or an archive; by default the layout that `floe build` made.

    Without --layers, --packages or --files, the layers are shown.
    """
    sections = [name for name, wanted in zip(_SECTIONS, (layers, packages, files), strict=True) if wanted]
    if verify:
        _verify(image, console, as_json=as_json)
    digest, inspected = _inspect(image, platform)
    if as_json:
        console.json(_as_json(digest, inspected, sections or ["layers", "packages"]))
    else:
        console.result("\n".join(_lines(digest, inspected, sections or ["layers"])))
    return 0


def _verify(path: Path, console: Console, *, as_json: bool) -> None:
    """Print what is wrong and raise WrongHashError; where all holds, say so."""
    from floe_images.image.read import open_source
    from floe_images.image.verify import verify_image

    with open_source(path) as source:
        problems = verify_image(source)
    if not problems:
        console.note("verified: every size, digest and path holds")
        return
    if as_json:
        console.json({"problems": problems})
    else:
        console.result("\n".join(problems))
    found = "1 thing is" if len(problems) == 1 else f"{len(problems)} things are"
    raise WrongHashError(f"{found} wrong", where=str(path), hint="remove it and run `floe build` again")


def _inspect(path: Path, platform: str | None) -> tuple[str | None, list[_Inspected]]:
    from floe_images.image.contents import read_contents
    from floe_images.image.read import open_source, read_index

    with open_source(path) as source:
        index = read_index(source)
        images = [image for image in index.images if platform in (None, image.platform)]
        if not images:
            there = ", ".join(image.platform for image in index.images) or "none"
            raise UsageError(f"no image for {platform}", where=str(path), hint=f"it has: {there}")
        return index.digest, [_Inspected(image=image, contents=read_contents(source, image)) for image in images]


def _as_json(digest: str | None, inspected: Sequence[_Inspected], sections: Sequence[str]) -> dict[str, Any]:
    return {
        "reference": inspected[0].image.reference,
        "digest": digest,
        "images": [_image_json(each, sections) for each in inspected],
    }


def _image_json(each: _Inspected, sections: Sequence[str]) -> dict[str, Any]:
    image, contents = each.image, each.contents
    value: dict[str, Any] = {
        "platform": image.platform,
        "manifest": image.manifest_digest,
        "config": image.config_digest,
        "created": image.config.get("created"),
        "labels": (image.config.get("config") or {}).get("Labels") or {},
        "size": each.size,
        "unpacked": each.unpacked,
    }
    if "layers" in sections:
        value["layers"] = [
            {
                "name": layer.name,
                "digest": layer.digest,
                "diff_id": layer.diff_id,
                "size": layer.size,
                "unpacked": unpacked,
            }
            for layer, unpacked in zip(image.layers, contents.unpacked, strict=True)
        ]
    if "packages" in sections:
        value["packages"] = [
            {"kind": package.kind, "name": package.name, "version": package.version, "layer": package.layer}
            for package in contents.packages
        ]
    if "files" in sections:
        value["files"] = [{"path": file.path, "size": file.size, "layer": file.layer} for file in contents.files]
    return value


def _lines(digest: str | None, inspected: Sequence[_Inspected], sections: Sequence[str]) -> list[str]:
    lines = [f"{inspected[0].image.reference or 'image'}  {digest or inspected[0].image.manifest_digest}"]
    for each in inspected:
        counts = {
            kind: sum(package.kind == kind for package in each.contents.packages) for kind in ("python", "debian")
        }
        lines += [
            "",
            f"{each.image.platform}  {each.image.manifest_digest}",
            f"{_megabytes(each.size)} stored, {_megabytes(each.unpacked)} unpacked, {len(each.image.layers)} layers, "
            f"{counts['python']} Python and {counts['debian']} Debian packages, {len(each.contents.files)} files",
        ]
        if "layers" in sections:
            rows = [
                (layer.name, _megabytes(layer.size), _megabytes(unpacked), layer.digest)
                for layer, unpacked in zip(each.image.layers, each.contents.unpacked, strict=True)
            ]
            lines += ["", *_table(("layer", "stored", "unpacked", "digest"), rows)]
        if "packages" in sections:
            packages = [(p.kind, p.name, p.version, p.layer) for p in each.contents.packages]
            lines += ["", *_table(("kind", "package", "version", "layer"), packages)]
        if "files" in sections:
            largest = sorted(each.contents.files, key=lambda file: (-file.size, file.path))[:_SHOWN_FILES]
            files = [(_megabytes(file.size), file.path, file.layer) for file in largest]
            lines += ["", *_table(("size", "file", "layer"), files)]
    return lines


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Columns as wide as their widest cell; figures to the right."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    right = [name in ("stored", "unpacked", "size") for name in head]
    return [
        "  ".join(
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in (head, *rows)
    ]


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
