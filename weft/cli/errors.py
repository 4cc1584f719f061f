"""What the command line says when it cannot do what was asked."""

from __future__ import annotations

from typing import final


class CommandError(Exception):
    """What the user asked for cannot be done; the message is one line for them."""

    exit_code = 1


@final
class UsageError(CommandError):
    """The command line is wrong."""

    exit_code = 2


__all__ = ["CommandError", "UsageError"]
