"""What can go wrong, in one tree; each leaf has an exit code of its own and says the next action.

FloeError
├── UsageError               2   a wrong option or argument
├── SpecError                3   floe.yaml has findings (all of them are carried)
├── NotAvailableYetError     4   modelled in floe.yaml, executed by a later release
├── ProjectError             5   the dbt project or a file that floe.yaml names is not usable as it lies there
├── LockMissingError        10
├── LockStaleError          11   the inputs of resolving differ from the lock's
├── LockFormatError         12   not a lock, or of a version that this floe does not read
├── ResolveError            13   no set of versions fits, or no wheel exists for a platform
├── NotCachedError          14   --frozen, and neither the cache nor a given folder has the file
├── PackageGoneError        15   the mirror no longer carries a locked file
├── ToolVersionError        16   a tool that the digest depends on has another version than the lock's
├── MirrorUnreachableError  20
├── WrongHashError          21
├── TruncatedDownloadError  22
├── SignatureError          23   no good signature by a shipped key
├── IndexExpiredError       24   Valid-Until has passed, or the index is older than the lock's
├── MirrorRefusedError      25   401, 403, 407: credentials are missing or wrong
├── MirrorContentError      26   the mirror answered something that is not what was asked for
├── HostileArchiveError     30   a path, link, device or size in an archive that no honest package has
├── MaintainerScriptError   31   a Debian package runs a script that nobody reviewed
├── ImageTooBigError        32
├── WrongMachineError       33   an ELF file that is not of the platform's machine
├── InterpreterError        34   the image's interpreter cannot be run: no bytecode, no manifests
├── CollisionError          35   two packages bring one path with different content and no rule decides
├── EngineError             40   no container engine answers, or it refused
├── ServiceError            41   a service of the platform did not become healthy
├── DiskFullError           50
├── DiskError               51   a file or folder cannot be read or written
├── TestsFailedError        60   a run ended, and a dbt test failed
├── ModelsFailedError       61   a run ended, and a model, seed or snapshot failed
├── InfrastructureError     62   a run could not do its work: no connection, a lost process, no memory
├── CatalogDriftError       63   `catalog plan --check`: a catalog's server holds something else than floe.yaml says
└── CancelledError      130
Anything else is a bug: exit code 1, one line, and a log file.
"""

from __future__ import annotations

import errno


class FloeError(Exception):
    """An expected failure.

    ``message`` says what, on one line and without secrets; ``where`` is ``file:line:column``, a path or a package
    name; ``hint`` is what to do next.
    """

    exit_code = 1

    def __init__(self, message: str, *, where: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message


class UsageError(FloeError):
    exit_code = 2


class SpecError(FloeError):
    """``findings`` holds every finding, already rendered as ``file:line:column: path: message (hint)`` lines."""

    exit_code = 3

    def __init__(self, message: str, *, findings: tuple[str, ...] = (), hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.findings = findings


class NotAvailableYetError(FloeError):
    exit_code = 4


class ProjectError(FloeError):
    exit_code = 5


class LockMissingError(FloeError):
    exit_code = 10


class LockStaleError(FloeError):
    exit_code = 11


class LockFormatError(FloeError):
    exit_code = 12


class ResolveError(FloeError):
    exit_code = 13


class NotCachedError(FloeError):
    exit_code = 14


class PackageGoneError(FloeError):
    exit_code = 15


class ToolVersionError(FloeError):
    exit_code = 16


class MirrorUnreachableError(FloeError):
    exit_code = 20


class WrongHashError(FloeError):
    exit_code = 21


class TruncatedDownloadError(FloeError):
    exit_code = 22


class SignatureError(FloeError):
    exit_code = 23


class IndexExpiredError(FloeError):
    exit_code = 24


class MirrorRefusedError(FloeError):
    exit_code = 25


class MirrorContentError(FloeError):
    exit_code = 26


class HostileArchiveError(FloeError):
    exit_code = 30


class MaintainerScriptError(FloeError):
    exit_code = 31


class ImageTooBigError(FloeError):
    exit_code = 32


class WrongMachineError(FloeError):
    exit_code = 33


class InterpreterError(FloeError):
    exit_code = 34


class CollisionError(FloeError):
    exit_code = 35


class EngineError(FloeError):
    exit_code = 40


class ServiceError(FloeError):
    exit_code = 41


class DiskFullError(FloeError):
    exit_code = 50


class DiskError(FloeError):
    exit_code = 51


class TestsFailedError(FloeError):
    __test__ = False  # pytest collects classes of this name
    exit_code = 60


class ModelsFailedError(FloeError):
    exit_code = 61


class InfrastructureError(FloeError):
    exit_code = 62


class CatalogDriftError(FloeError):
    exit_code = 63


class CancelledError(FloeError):
    exit_code = 130


def leaf_of(exit_code: int) -> type[FloeError] | None:
    """The tree's class for what a child process ended with; None for a code that is none of the tree's."""
    leaves: list[type[FloeError]] = [FloeError, *FloeError.__subclasses__()]
    return next((leaf for leaf in leaves if leaf.exit_code == exit_code), None)


def disk_error(error: OSError, where: str) -> FloeError:
    """The tree's error for an ``OSError`` of a file operation, with what to do next."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFullError("no space left on the device", where=where, hint="free some space and run it again")
    reason = error.strerror or type(error).__name__
    return DiskError(reason, where=where, hint="check that the path exists and may be written")
