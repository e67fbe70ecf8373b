"""One command line → what is said where, and the exit code."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import click
import pytest

from floe_images import __version__, errors
from floe_images.cli import main
from floe_images.cli.console import TextConsole


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


def floe(*arguments: str, hide: str | None = None) -> Outcome:
    out, err = io.StringIO(), io.StringIO()
    console = TextConsole(out, err)
    if hide:
        console.hide(hide)
    code = main.run(list(arguments), console)
    return Outcome(code, out.getvalue(), err.getvalue())


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> dict[str, BaseException]:
    """`floe doctor` raises what the test puts under "error"."""
    box: dict[str, BaseException] = {}

    @click.command()
    def command() -> None:
        raise box["error"]

    real = main._Verbs.get_command
    fake = lambda self, ctx, name: command if name == "doctor" else real(self, ctx, name)  # noqa: E731
    monkeypatch.setattr(main._Verbs, "get_command", fake)
    return box


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert floe("--version").code == 0
    assert capsys.readouterr().out == f"floe {__version__}\n"


def test_help_names_every_verb_and_imports_none() -> None:
    code = (
        "import sys; from floe_images.cli.console import TextConsole; from floe_images.cli.main import run; "
        "run(['--help'], TextConsole()); "
        "print([name for name in sys.modules if name.startswith(('floe_images.commands.', 'pydantic', 'yaml'))])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    for verb, text in main.VERBS.items():
        assert f"  {verb}" in shown
        assert text in shown
    assert shown.splitlines()[-1] == "[]"


def test_every_verb_has_a_command_with_help(capsys: pytest.CaptureFixture[str]) -> None:
    for verb in main.VERBS:
        assert floe(verb, "--help").code == 0
        assert f"floe {verb}" in capsys.readouterr().out


def test_an_unknown_verb() -> None:
    assert floe("vaildate") == (
        2,
        "",
        "error: there is no verb 'vaildate'; did you mean validate?\nhint: `floe --help` shows what there is\n",
    )


def test_no_verb_is_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert floe("--help").code == 0
    shown = capsys.readouterr().out
    assert "Verbs:" in shown
    assert floe() == (0, "", "")
    assert capsys.readouterr().out == shown


def test_an_unknown_option() -> None:
    outcome = floe("validate", "--jsn")
    assert outcome.code == 2
    assert "--jsn" in outcome.err
    assert outcome.err.endswith("hint: `floe validate --help` shows what there is\n")


def test_an_expected_error(failing: dict[str, BaseException]) -> None:
    failing["error"] = errors.PackageGoneError("the mirror has no x", where="x", hint="run `floe lock`")
    assert floe("doctor") == (15, "", "error: x: the mirror has no x\nhint: run `floe lock`\n")


def test_every_leaf_has_an_exit_code_of_its_own(failing: dict[str, BaseException]) -> None:
    leaves = errors.FloeError.__subclasses__()
    for leaf in leaves:
        failing["error"] = leaf("message")
        assert floe("doctor") == (leaf.exit_code, "", "error: message\n")
    codes = [leaf.exit_code for leaf in leaves]
    assert sorted(set(codes)) == sorted(codes)
    assert 1 not in codes


def test_findings_come_before_the_error(failing: dict[str, BaseException]) -> None:
    failing["error"] = errors.SpecError("floe.yaml has 2 findings", findings=("floe.yaml:1:1: a", "floe.yaml:2:1: b"))
    assert floe("doctor") == (3, "", "floe.yaml:1:1: a\nfloe.yaml:2:1: b\nerror: floe.yaml has 2 findings\n")


def test_ctrl_c(failing: dict[str, BaseException]) -> None:
    failing["error"] = KeyboardInterrupt()
    outcome = floe("doctor")
    assert outcome.code == 130
    assert outcome.err.strip() == "error: interrupted"


@pytest.mark.parametrize(
    "error", [ValueError("hunter2"), RecursionError(), OSError("x")], ids=lambda e: type(e).__name__
)
def test_a_bug_is_one_line_and_a_log(
    failing: dict[str, BaseException], error: Exception, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("platformdirs.user_log_path", lambda *_args, **_options: tmp_path / "log")
    failing["error"] = error
    outcome = floe("doctor", hide="hunter2")
    (log,) = (tmp_path / "log").iterdir()
    assert outcome.code == 1
    assert outcome.err == f"error: this is a bug in floe: {type(error).__name__}\nhint: the log is {log}\n"
    assert f"{type(error).__name__}" in log.read_text()
    assert "Traceback" in log.read_text()
    assert "hunter2" not in log.read_text()
    if os.name == "posix":
        assert log.stat().st_mode & 0o777 == 0o600


def test_a_bug_whose_log_cannot_be_written(
    failing: dict[str, BaseException], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr("platformdirs.user_log_path", lambda *_args, **_options: tmp_path / "file" / "log")
    failing["error"] = ValueError("x")
    assert floe("doctor") == (1, "", "error: this is a bug in floe: ValueError (no log could be written)\n")


def test_no_memory(failing: dict[str, BaseException]) -> None:
    failing["error"] = MemoryError()
    outcome = floe("doctor")
    assert outcome.code == 1
    assert outcome.err.startswith("error: there is not enough memory\n")


@pytest.mark.skipif(os.name != "posix", reason="pipes that break are POSIX's")
def test_a_broken_pipe_is_quiet() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "floe_images", "schema"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    err = process.stderr.read()
    assert process.wait() == 141
    assert err == b""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(shell: str) -> None:
    outcome = floe("completion", shell)
    assert outcome.code == 0
    assert "_FLOE_COMPLETE" in outcome.out
    assert {"bash": "complete -o nosort", "zsh": "#compdef floe", "fish": "complete --no-files"}[shell] in outcome.out


def test_another_shell() -> None:
    outcome = floe("completion", "tcsh")
    assert outcome.code == 2
    assert "'bash', 'zsh', 'fish'" in outcome.err


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("floe", "va"), ["plain,validate"]),
        (("floe", "c"), ["plain,compile", "plain,catalog", "plain,cache", "plain,completion"]),
        (("floe", "validate", "--js"), ["plain,--json"]),
        (("floe", "completion", "z"), ["plain,zsh"]),
    ],
    ids=lambda value: " ".join(value),
)
def test_what_is_completed(words: tuple[str, ...], offered: list[str]) -> None:
    environment = {
        **os.environ,
        "_FLOE_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(words),
        "COMP_CWORD": str(len(words) - 1),
    }
    done = subprocess.run(
        [sys.executable, "-m", "floe_images"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines() == offered
    assert done.stderr == ""


BLOCKED = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name in {"fcntl", "pwd", "grp", "resource"}:
            raise ImportError(name + " is blocked")

for name in ("fcntl", "pwd", "grp", "resource"):
    sys.modules.pop(name, None)
sys.meta_path.insert(0, Blocker())
"""


@pytest.mark.parametrize("arguments", [["--help"], ["validate", "--file", "floe.yaml"], ["schema"]], ids=lambda a: a[0])
def test_without_what_only_posix_has(arguments: list[str], tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(BLOCKED)
    (tmp_path / "floe.yaml").write_text(
        'version: "1.0"\nname: x\nadapters: [duckdb]\ntargets: {d: {adapter: duckdb, path: /tmp/x}}\n'
        "default_target: d\ntransforms: [{type: dbt, path: t}]\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    proof = [sys.executable, "-c", "import fcntl"]
    assert b"fcntl is blocked" in subprocess.run(proof, env=environment, capture_output=True, check=False).stderr
    command = [sys.executable, "-m", "floe_images", *arguments]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.returncode == 0
    assert len(done.stdout) > 20
