"""What became of a dbt invocation, in one word and one line."""

from __future__ import annotations

import re
from collections.abc import Iterable

from floe_images.artifacts.events import NodeFinished, Outcome
from floe_images.errors import DiskError, DiskFullError, FloeError, InfrastructureError

_TESTS = ("test", "unit_test")

# What databases and drivers say when they could not do their work at all: no connection, no memory, no disk.
_INFRASTRUCTURE = re.compile(
    r"could not connect|connection refused|could not translate host name|name or service not known"
    r"|temporary failure in name resolution|connection timed out|timeout expired|no route to host"
    r"|could not resolve host|failed to resolve|could not establish connection|unable to connect"
    r"|network is unreachable|server closed the connection|terminating connection|connection already closed"
    r"|connection reset|broken pipe|the database system is (?:starting up|shutting down|in recovery)"
    r"|too many (?:clients|connections)|remaining connection slots|connection to server .* failed|failed to connect"
    r"|max retries exceeded|no space left on device|disk quota exceeded|could not extend file"
    r"|could not set lock on file|out of memory|cannot allocate memory|memoryerror|read-only file system"
    r"|input/output error|authentication failed|no pg_hba.conf entry",
    re.IGNORECASE,
)
_STATEMENT = re.compile(r"\bLINE \d+: ")
_NO_DATABASE = "not a valid DuckDB database file"
# What servers say to whom they do not believe.
_REFUSED = re.compile(
    r"authentication failed|incorrect username or password|invalid[_ ](?:grant|client|access token|token|credentials)"
    r"|unauthori[sz]ed|access denied|unable to locate credentials|failed to authenticate|default credentials",
    re.IGNORECASE,
)
_CONFIGURATION = {
    "DbtUsageException", "UsageError", "DbtConfigError", "CompilationError", "ParsingError", "DbtValidationError",
    "DependencyError", "InvalidSelectorError", "JSONValidationError", "YAMLError", "SemverError",
}  # fmt: skip


def of_results(finished: Iterable[NodeFinished]) -> tuple[Outcome, str | None]:
    """The outcome of nodes that have ended: what went worst, and the first of its kind by name."""
    failed = [node for node in finished if node.status in ("error", "fail")]
    broken = [node for node in failed if is_infrastructure(node.message or "")]
    models = [node for node in failed if node.resource_type not in (*_TESTS, "source")]
    if broken:
        return "infrastructure", _one(broken[:1], "could not run")
    if models:
        return "models_failed", _one(models, "failed")
    if failed:
        return "tests_failed", _one(failed, "failed")
    return "success", None


def of_exception(fault: BaseException) -> tuple[Outcome, str]:
    """The outcome of an invocation that dbt gave up."""
    if isinstance(fault, KeyboardInterrupt | SystemExit):
        return "interrupted", "interrupted"
    if isinstance(fault, FloeError):
        machine = isinstance(fault, DiskError | DiskFullError | InfrastructureError)
        return "infrastructure" if machine else "configuration", f"{fault} ({fault.hint})" if fault.hint else str(fault)
    # "Runtime Error" is dbt's name for whatever has no other.
    line = one_line(str(fault)).removeprefix("Runtime Error ") + _way_out(str(fault)) or type(fault).__name__
    if is_infrastructure(str(fault)):
        return "infrastructure", line
    kinds = {kind.__name__ for kind in type(fault).__mro__}
    return "configuration" if kinds & _CONFIGURATION else "infrastructure", line


def naming_credentials(message: str | None, settings: tuple[str, ...]) -> str | None:
    """``message``, with floe.yaml's ``settings`` that prove who one is where the server did not believe them."""
    if message is None or not settings or not _REFUSED.search(message):
        return message
    return f"{message} (look at {' and '.join(settings)})"


def is_infrastructure(message: str) -> bool:
    """What a database repeats of the statement, after ``LINE 10:``, does not count."""
    return _INFRASTRUCTURE.search(_STATEMENT.split(message, maxsplit=1)[0]) is not None


def one_line(message: str) -> str:
    """dbt's messages have several lines, the first of which often names only the kind of error."""
    return " ".join(message.split())[:500]


def _way_out(message: str) -> str:
    return " (restore a backup, or move it away)" if _NO_DATABASE in message else ""


def _one(nodes: list[NodeFinished], what: str) -> str:
    first = nodes[0]
    why = f": {one_line(first.message)}{_way_out(first.message)}" if first.message else ""
    others = f" (and {len(nodes) - 1} more)" if len(nodes) > 1 else ""
    return f"{first.resource_type.replace('_', ' ')} {first.name} {what}{others}{why}"
