"""Imports what every installed distribution brings: its topmost packages and modules. Arguments: skip these modules."""

import contextlib
import importlib
import importlib.metadata
import io
import json
import re
import sys

MODULE = re.compile(r"^([A-Za-z_]\w*)(?:\.cpython-311-[\w-]+\.so|\.abi3\.so|\.py|\.so)$")


def roots(distribution):
    """Topmost packages with an __init__.py (namespaces are walked through), and modules beside them."""
    files = [file.parts for file in distribution.files or () if ".." not in file.parts]
    packages = {parts[:-1] for parts in files if parts[-1] == "__init__.py" and len(parts) > 1}
    top = {parts for parts in packages if not any(parts[:n] in packages for n in range(1, len(parts)))}
    single = {(found.group(1),) for parts in files if len(parts) == 1 and (found := MODULE.match(parts[0]))}
    # A namespace may also have modules of its own beside its packages.
    inner = {
        (*parts[:-1], found.group(1))
        for parts in files
        if len(parts) > 1 and not any(parts[:n] in packages for n in range(1, len(parts)))
        if (found := MODULE.match(parts[-1])) and all(part.isidentifier() for part in parts[:-1])
    }
    return sorted(".".join(parts) for parts in top | single | inner if all(part.isidentifier() for part in parts))


skipped = set(sys.argv[1:])
imported, failed, rootless = {}, {}, []
# Listed before anything is imported: setuptools puts packages of its own on the path.
for distribution in list(importlib.metadata.distributions()):
    name = distribution.metadata["Name"]
    modules = [module for module in roots(distribution) if module not in skipped]
    imported[name] = []
    if not modules:
        rootless.append(name)
    for module in modules:
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                importlib.import_module(module)
            imported[name].append(module)
        except BaseException as fault:
            failed[module] = f"{name}: {type(fault).__name__}: {fault}"[:300]
print(json.dumps({"imported": imported, "failed": failed, "rootless": sorted(rootless)}))
