"""Record what the Debian tests read: ``python -m tests.support.debian_golden`` (asks the machine's Debian mirror).

The InRelease files are kept byte for byte, since they are signed. Of Packages the stanzas of the base's closure and of
a few packages beside it are kept, without the fields that resolving does not read.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from floe_images.engine.fetch.http import Http, HttpSettings
from floe_images.engine.resolve.debian import suites_of
from floe_images.engine.resolve.debian_closure import closure
from floe_images.engine.resolve.debian_control import paragraphs
from floe_images.engine.resolve.debian_index import open_suite, read_packages
from floe_images.engine.resolve.debian_mirrors import find_debian_mirrors
from floe_images.engine.resolve.debian_packages import Universe
from floe_images.engine.resolve.debian_signature import archive_keys
from floe_images.engine.store import Store
from floe_images.lock.base_recipe import base_recipe

GOLDEN = Path(__file__).parents[1] / "unit" / "debian" / "golden"
ASKED = ("git", "unixodbc")
BESIDE = (
    "dash",
    "mawk",
    "gawk",
    "original-awk",
    "debconf",
    "openssl",
    "dpkg",
    "busybox-static",
    "libnsl2",
    "libtirpc3",
)
FIELDS = (
    *("Package", "Source", "Version", "Architecture", "Multi-Arch", "Provides", "Pre-Depends", "Depends"),
    *("Conflicts", "Breaks", "Filename", "Size", "SHA256"),
)


def main() -> None:
    mirrors = find_debian_mirrors()
    http = Http(HttpSettings(credentials=mirrors.credentials))
    store = Store(Path(tempfile.mkdtemp()))
    suites = [
        open_suite(
            name, archive, mirrors.places(archive), http=http, keys=archive_keys(name), now=time.time(), previous=None
        )
        for name, archive in suites_of(base_recipe().suite)
    ]
    for suite in suites[1:]:  # bookworm's own has 150 kB, and signatures of the same keys
        url = f"{suite.mirror.url}/dists/{suite.name}/InRelease"
        (GOLDEN / f"{suite.name}.InRelease").write_bytes(http.get(url, 1 << 20))
    files = [read_packages(suite, "amd64", http=http, store=store) for suite in suites]
    recipe = base_recipe()
    chosen = closure(Universe(files), recipe.roots, architecture="amd64", omissions=recipe.omissions, asked=ASKED)
    names = sorted({package.name for package in chosen} | set(BESIDE))
    for suite, file in zip(suites, files, strict=True):
        stanzas = [stanza for name in names for stanza in file.stanzas(name)]
        text = "\n".join(_trimmed(stanza.decode()) for stanza in stanzas)
        (GOLDEN / f"{suite.name}.amd64.Packages").write_text(text, encoding="utf-8")


def _trimmed(stanza: str) -> str:
    (fields,) = paragraphs(stanza)
    return "".join(f"{name}: {fields[name.lower()]}\n" for name in FIELDS if name.lower() in fields)


if __name__ == "__main__":
    main()
