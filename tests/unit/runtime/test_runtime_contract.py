"""The contract's page, the plan's configuration and the Dockerfile say the same."""

from __future__ import annotations

import re
from pathlib import Path

from floe_images.plan.config import image_config

ROOT = Path(__file__).parents[3]
CONFIG = image_config(())


def test_the_page_lists_exactly_the_variables_that_the_image_sets() -> None:
    page = (ROOT / "docs/explanation/image-contract.md").read_text()
    table = page.partition("Set by the image:")[2].partition("Read by `floe-runtime`")[0]
    assert dict(re.findall(r"^\| `(\w+)` \| `([^`]+)` \|", table, re.MULTILINE)) == dict(CONFIG.env)


def test_the_dockerfile_sets_what_the_plan_sets() -> None:
    text = (ROOT / "dockerfiles/floe/Dockerfile").read_text().replace("\\\n", " ")
    lines = dict(re.findall(r"^(ENV|USER|WORKDIR|VOLUME|EXPOSE|ENTRYPOINT|CMD|HEALTHCHECK) (.+)$", text, re.MULTILINE))
    assert dict(pair.split("=", 1) for pair in lines["ENV"].split()) == dict(CONFIG.env)
    assert lines["USER"] == CONFIG.user  # the last one
    assert lines["WORKDIR"] == CONFIG.working_dir
    assert tuple(f"{port}/tcp" for port in lines["EXPOSE"].split()) == CONFIG.exposed_ports
    assert (lines["VOLUME"],) == CONFIG.volumes
    assert tuple(re.findall('"([^"]+)"', lines["ENTRYPOINT"])) == CONFIG.entrypoint
    assert tuple(re.findall('"([^"]+)"', lines["CMD"])) == CONFIG.cmd
    assert ("CMD", *re.findall('"([^"]+)"', lines["HEALTHCHECK"])) == CONFIG.healthcheck
