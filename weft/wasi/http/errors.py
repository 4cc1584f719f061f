"""What goes wrong with HTTP, as guests are told."""

from __future__ import annotations

from typing import Any, TypeAlias, final

ErrorCode: TypeAlias = Any
"""An ``error-code`` of ``wasi:http/types``: a label, a pair of a label and a payload, or what a guest gave."""


@final
class HttpError(Exception):
    """A message could not be sent, received or handled.

    Attributes:
        code: the ``error-code``, the same in both versions of WASI.
    """

    def __init__(self, code: ErrorCode) -> None:
        super().__init__(describe(code))
        self.code = code


def describe(code: ErrorCode) -> str:
    """Return an error code for messages."""
    if isinstance(code, tuple):
        label, payload = code
    else:
        label, payload = getattr(code, "case", code), getattr(code, "value", None)
    return str(label) if payload is None else f"{label}: {payload}"


def internal_error(text: str) -> ErrorCode:
    """Return the code for what has no code of its own."""
    return "internal-error", text


__all__ = ["ErrorCode", "HttpError", "describe", "internal_error"]
