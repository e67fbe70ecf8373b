"""Whether a process still runs, from its number alone."""

from __future__ import annotations

import os


def alive(pid: int) -> bool:
    """Also for a process of another user. On Windows, where a signal would end the process, by its handle."""
    if pid <= 0:  # to kill(2) these are groups
        return False
    if os.name == "nt":
        return _alive_on_windows(pid)
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True


def _alive_on_windows(pid: int) -> bool:
    """https://learn.microsoft.com/windows/win32/api/processthreadsapi/nf-processthreadsapi-openprocess"""
    import ctypes

    kernel = getattr(ctypes, "windll").kernel32  # noqa: B009  there on Windows only
    handle = kernel.OpenProcess(0x00100000, False, pid)  # SYNCHRONIZE
    if not handle:
        return bool(kernel.GetLastError() == 5)  # ERROR_ACCESS_DENIED: it is there, and not ours
    running = bool(kernel.WaitForSingleObject(handle, 0) == 0x102)  # WAIT_TIMEOUT
    kernel.CloseHandle(handle)
    return running
