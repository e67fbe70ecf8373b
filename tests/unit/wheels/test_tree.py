"""The dbt project as it lies there, and what of it stays behind."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from floe_images.engine.assemble.tree import read_tree, tree_entries
from floe_images.errors import DiskError, ProjectError
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
    found = unpacked(tree_entries(read_tree(root, where="p", base=tmp_path), place="opt/floe/project/p"))
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
            "floe.yaml": "", "floe.lock": "", "floe.schema.json": "", ".floe/image/index.json": "",
            "profiles.yml": "password: x", "keys/tls.pem": "", ".env": "", "models/__pycache__/x.pyc": "",
            "dbt_packages/utils/dbt_project.yml": "", "models/target.sql": "",
        },
    )  # fmt: skip
    tree = read_tree(root, where="p", base=tmp_path)
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
    digest = read_tree(first, where="p", base=tmp_path).digest
    assert read_tree(second, where="p", base=tmp_path).digest == digest
    (second / "models/a.sql").chmod(0o755)
    assert read_tree(second, where="p", base=tmp_path).digest != digest
    (second / "models/a.sql").chmod(0o644)
    (second / "models/a.sql").write_text("2")
    assert read_tree(second, where="p", base=tmp_path).digest != digest


@pytest.mark.parametrize("target", ["../secret", "/etc/passwd", "models/../../x", ".."])
def test_a_link_that_leads_out_is_refused(tmp_path: Path, target: str) -> None:
    root = project(tmp_path / "p")
    for there in ("secret", "p/models/x", "x"):
        (tmp_path / there).parent.mkdir(exist_ok=True)
        (tmp_path / there).write_text("")
    (root / "link").symlink_to(target)
    with pytest.raises(ProjectError, match=r"^p: link is a link that leads out of the project$"):
        read_tree(root, where="p", base=tmp_path)


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
        read_tree(project(tmp_path / "p", **files), where="p", base=tmp_path)
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
    tree = read_tree(project(tmp_path / "p", **files), where="p", base=tmp_path)
    assert set(files) <= {file.path for file in tree.files}


def test_no_folder_and_no_project(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"^nowhere: is not a folder$"):
        read_tree(tmp_path / "nowhere", where="nowhere", base=tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ProjectError, match=r"has no dbt_project\.yml"):
        read_tree(tmp_path / "empty", where="p", base=tmp_path)


def test_a_pipe_is_refused(tmp_path: Path) -> None:
    os.mkfifo(project(tmp_path / "p") / "pipe")
    with pytest.raises(ProjectError, match="pipe is neither a file nor a folder"):
        read_tree(tmp_path / "p", where="p", base=tmp_path)


def test_a_file_that_changes_while_it_is_read_is_noticed(tmp_path: Path) -> None:
    root = project(tmp_path / "p", **{"models/a.sql": "1"})
    tree = read_tree(root, where="p", base=tmp_path)
    (root / "models/a.sql").write_text("2")
    with pytest.raises(ProjectError, match="changed while the image was built"):
        unpacked(tree_entries(tree, place="x"))


@pytest.mark.parametrize("target", ["nothing", "../nothing", "/nothing/x", "link"])
def test_a_link_to_nothing_is_called_that(tmp_path: Path, target: str) -> None:
    root = project(tmp_path / "p")
    (root / "link").symlink_to(target)
    with pytest.raises(ProjectError, match=r"^p: link is a link to something that is not there$"):
        read_tree(root, where="p", base=tmp_path)


def test_the_projects_folder_itself_may_not_lead_out(tmp_path: Path) -> None:
    base = tmp_path / "base"
    project(base, **{"real/dbt_project.yml": "name: demo\n"})
    project(tmp_path / "elsewhere")
    (base / "inside").symlink_to("real")
    (base / "outside").symlink_to(tmp_path / "elsewhere")
    (base / "itself").symlink_to(".")
    assert [file.path for file in read_tree(base / "inside", where="inside", base=base).files] == ["dbt_project.yml"]
    for where in ("outside", "itself"):
        with pytest.raises(ProjectError, match=rf"^{where}: is a link that leads out of the project$"):
            read_tree(base / where, where=where, base=base)


@pytest.mark.parametrize(
    ("packages", "there", "says"),
    [
        ("[{package: a/b, version: 1}]", [], "a package, but dbt_packages/ holds 0"),
        ("[{package: a/b}, {git: x}, {git: x, subdirectory: y}]", ["b", "x"], "3 packages, but dbt_packages/ holds 2"),
        ("[{package: a/b, version: 1}, {package: a/b, version: 2}]", ["b"], None),
    ],
)
def test_packages_that_are_there_in_part_are_named(
    tmp_path: Path, packages: str, there: list[str], says: str | None
) -> None:
    files = {f"dbt_packages/{name}/dbt_project.yml": "" for name in there}
    root = project(tmp_path / "p", **{"packages.yml": f"packages: {packages}\n"}, **files)
    (root / "dbt_packages" / "empty").mkdir(parents=True)
    if says is None:
        assert len(read_tree(root, where="p", base=tmp_path).files) == 3
        return
    with pytest.raises(ProjectError) as caught:
        read_tree(root, where="p", base=tmp_path)
    assert (str(caught.value), caught.value.hint) == (f"p: packages.yml declares {says}", "run `dbt deps` in p")


def test_a_pipe_in_place_of_dbts_own_files_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(project(tmp_path / "p") / "packages.yml")
    with pytest.raises(ProjectError, match=r"^p/packages\.yml: is not a file$"):
        read_tree(tmp_path / "p", where="p", base=tmp_path)


def test_an_error_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = project(tmp_path / "p", **{"models/a.sql": "1"})
    opened = Path.open

    def refuse(path: Path, mode: str = "r") -> object:
        if path.name == "a.sql":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return opened(path, mode)

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(DiskError, match=r"^p/models/a\.sql: Permission denied$"):
        read_tree(root, where="p", base=tmp_path)


@pytest.mark.parametrize(
    ("settings", "file"),
    [
        ('model-paths: [models, "/somewhere"]', "dbt_project.yml"),
        ("seed-paths: ../outside", "dbt_project.yml"),
        ('macro-paths: ["a/../../b"]', "dbt_project.yml"),
        ("docs-paths: ['~/notes']", "dbt_project.yml"),
        ("test-paths: [\"{{ env_var('ELSEWHERE') }}\"]", "dbt_project.yml"),
        ("packages-install-path: /packages", "dbt_project.yml"),
        ("model-paths: [../../x]", "dbt_packages/one/dbt_project.yml"),
    ],
)
def test_dbt_may_not_read_what_is_outside_of_the_project(tmp_path: Path, settings: str, file: str) -> None:
    root = project(tmp_path / "p", **{file: f"name: demo\n{settings}\n"})
    with pytest.raises(ProjectError, match="leads out of the project") as caught:
        read_tree(root, where="p", base=tmp_path)
    assert caught.value.where == f"p/{file}"


def test_folders_of_the_project_and_where_dbt_writes_are_its_own_affair(tmp_path: Path) -> None:
    text = "name: demo\nmodel-paths: [models, more/models]\ntarget-path: \"{{ env_var('T', 'target') }}\"\n"
    assert len(read_tree(project(tmp_path / "p", **{"dbt_project.yml": text}), where="p", base=tmp_path).files) == 1
