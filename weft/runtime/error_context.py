"""Error contexts (📝): opaque values that carry a message for debugging.

Source: CanonicalABI.md, "`canon error-context.new`".
"""

from __future__ import annotations

from typing import final

from attrs import define


@final
@define(eq=False)
class ErrorContext:
    """An error with a message for people, not programs.

    Attributes:
        debug_message: the text.
    """

    debug_message: str
