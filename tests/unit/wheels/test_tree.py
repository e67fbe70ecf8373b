"""The dbt project as it lies there, and what of it stays behind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from floe_images.engine.assemble.tree import read_tree, tree_entries
from floe_images.errors import ProjectError
from tests.support.wheels import unpacked


def project(root: Path, **files: str) -> Path:
    root.mkdir(exist_ok=True)
    for name, text in {"dbt_project.yml": "name: demo\n", **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_files_are_sorted_with_plain_modes_and_links_inside_stay(tmp_path: Path) -> None:
    root = project(tmp_path / "p", **{"models/b.sql": "select 2", "models/a.sql": "select 1", "run.sh": "x"})
    (root / "run.sh").chmod(0o700)
    (root / "models/a.sql").chmod(0o600)
    (root / "models/c.sql").symlink_to("a.sql")
    found = unpacked(tree_entries(read_tree(root, where="p"), place="opt/floe/project/p"))
    assert [(path, entry.kind, oct(entry.mode), entry.link, data) for path, (entry, data) in found.items()] == [
        ("opt/floe/project/p/dbt_project.yml", "file", "0o644", "", b"name: demo\n"),
        ("opt/floe/project/p/models/a.sql", "file", "0o644", "", b"select 1"),
        ("opt/floe/project/p/models/b.sql", "file", "0o644", "", b"select 2"),
        ("opt/floe/project/p/models/c.sql", "symlink", "0o777", "a.sql", b""),
        ("opt/floe/project/p/run.sh", "file", "0o755", "", b"x"),
    ]


def test_what_dbt_makes_and_what_looks_like_a_secret_stays_behind(tmp_path: Path) -> None:
    root = project(
        tmp_path / "p",
        **{
            "dbt_project.yml": "name: demo\ntarget-path: out/made\n",
            "out/made/x": "", "out/kept": "", "target/x": "", "logs/dbt.log": "", ".git/config": "", ".user.yml": "",
            "profiles.yml": "password: x", "keys/tls.pem": "", ".env": "", "models/__pycache__/x.pyc": "",
            "dbt_packages/utils/dbt_project.yml": "", "models/target.sql": "",
        },
    )  # fmt: skip
    tree = read_tree(root, where="p")
    assert [file.path for file in tree.files] == [
        "dbt_packages/utils/dbt_project.yml",
        "dbt_project.yml",
        "models/target.sql",
        "out/kept",
    ]
    assert tree.secrets == (".env", "keys/tls.pem", "profiles.yml")


def test_the_digest_is_of_paths_modes_and_content_only(tmp_path: Path) -> None:
    first = project(tmp_path / "a", **{"models/a.sql": "1"})
    second = project(tmp_path / "b", **{"models/a.sql": "1"})
    os.utime(second / "models/a.sql", (1, 1))
    (second / "models/a.sql").chmod(0o664)
    (second / "logs").mkdir()
    digest = read_tree(first, where="p").digest
    assert read_tree(second, where="p").digest == digest
    (second / "models/a.sql").chmod(0o755)
    assert read_tree(second, where="p").digest != digest
    (second / "models/a.sql").chmod(0o644)
    (second / "models/a.sql").write_text("2")
    assert read_tree(second, where="p").digest != digest


@pytest.mark.parametrize("target", ["../secret", "/etc/passwd", "models/../../x", ".."])
def test_a_link_that_leads_out_is_refused(tmp_path: Path, target: str) -> None:
    root = project(tmp_path / "p")
    (root / "link").symlink_to(target)
    with pytest.raises(ProjectError, match=r"^p: link is a link that leads out of the project$"):
        read_tree(root, where="p")


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"packages.yml": "packages:\n  - package: dbt-labs/dbt_utils\n"}, "packages.yml declares packages"),
        ({"dependencies.yml": "packages:\n  - package: x\n"}, "dependencies.yml declares packages"),
        ({"packages.yml": "a: [\n"}, "is not valid YAML"),
        ({"packages.yml": "- a\n"}, "is not a mapping"),
        ({"dbt_project.yml": "{{{"}, "is not valid YAML"),
    ],
)
def test_a_project_that_dbt_could_not_run_is_refused(tmp_path: Path, files: dict[str, str], says: str) -> None:
    with pytest.raises(ProjectError, match=says) as caught:
        read_tree(project(tmp_path / "p", **files), where="p")
    if "declares" in says:
        assert caught.value.hint == "run `dbt deps` in p"


@pytest.mark.parametrize(
    "files",
    [
        {"packages.yml": "packages: []\n"},
        {"packages.yml": ""},
        {"packages.yml": "packages: [{package: x}]\n", "dbt_packages/x/dbt_project.yml": ""},
        {"dbt_project.yml": "packages-install-path: v\n", "packages.yml": "packages: [{package: x}]\n", "v/x/y": ""},
    ],
)
def test_packages_that_are_there_are_taken_along(tmp_path: Path, files: dict[str, str]) -> None:
    tree = read_tree(project(tmp_path / "p", **files), where="p")
    assert set(files) <= {file.path for file in tree.files}


def test_no_folder_and_no_project(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"^nowhere: is not a folder$"):
        read_tree(tmp_path / "nowhere", where="nowhere")
    with pytest.raises(ProjectError, match=r"has no dbt_project\.yml"):
        read_tree(tmp_path, where="p")


def test_a_pipe_is_refused(tmp_path: Path) -> None:
    os.mkfifo(project(tmp_path / "p") / "pipe")
    with pytest.raises(ProjectError, match="pipe is neither a file nor a folder"):
        read_tree(tmp_path / "p", where="p")


def test_a_file_that_changes_while_it_is_read_is_noticed(tmp_path: Path) -> None:
    root = project(tmp_path / "p", **{"models/a.sql": "1"})
    tree = read_tree(root, where="p")
    (root / "models/a.sql").write_text("2")
    with pytest.raises(ProjectError, match="changed while the image was built"):
        unpacked(tree_entries(tree, place="x"))
