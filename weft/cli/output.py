"""What the command line prints to standard output, and what it does when that takes nothing more."""

from __future__ import annotations

import os
import sys

from weft.cli.errors import CommandError


def say(*lines: object, end: str = "\n") -> None:
    """Print lines, at once.

    Raises:
        CommandError: they cannot be written, on a full disk say.
        BrokenPipeError: nobody reads them any more.
    """
    try:
        print(*lines, sep="\n", end=end, flush=True)
    except BrokenPipeError:
        raise
    except OSError as error:
        discard()
        raise CommandError(f"standard output: {error.strerror}") from None


def discard() -> None:
    """Send what is still buffered nowhere: Python flushes it at its exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


__all__ = ["discard", "say"]
