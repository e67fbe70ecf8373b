"""What `pip check` asks, without pip: every distribution that is there, and every requirement that is not met."""

import importlib.metadata
import json

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

distributions = list(importlib.metadata.distributions())
versions = [[canonicalize_name(each.metadata["Name"]), each.version] for each in distributions]
installed = dict(versions)
checked, unmet = 0, []
for each in distributions:
    for text in each.requires or ():
        requirement = Requirement(text)
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        checked += 1
        found = installed.get(canonicalize_name(requirement.name))
        if found is None or not requirement.specifier.contains(found, prereleases=True):
            unmet.append(f"{each.metadata['Name']} {each.version} wants {requirement}, there is {found}")
print(json.dumps({"distributions": sorted(versions), "checked": checked, "unmet": sorted(unmet)}))
