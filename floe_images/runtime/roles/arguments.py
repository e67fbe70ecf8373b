"""A role's arguments: argparse, with faults as UsageError on one line."""

from __future__ import annotations

import argparse
from typing import NoReturn

from floe_images.errors import UsageError


class Arguments(argparse.ArgumentParser):
    def __init__(self, role: str) -> None:
        super().__init__(prog=f"floe-runtime {role}", allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{self.prog}: {message}", hint=f"{self.prog} --help")


def port(text: str) -> int:
    """A TCP port. Raise argparse.ArgumentTypeError for anything else."""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: it is a number from 1 to 65535")
    return int(text)


def address(text: str) -> str:
    """A gRPC target: host:port, or unix:PATH. Raise argparse.ArgumentTypeError for anything else."""
    host, _, number = text.rpartition(":")
    if host == "unix":
        return text
    if not host:
        raise argparse.ArgumentTypeError(f"{text!r} is no HOST:PORT")
    port(number)
    return text
