"""Signal handlers: a trap is a signal that Wasmtime's handler turns into an error, so nobody may stand in its way.

Wasmtime installs its handlers once, with the first engine of a process. `faulthandler` keeps away from handlers that
came after it, but one that is enabled later takes every trap for a crash and ends the process.
"""

from __future__ import annotations

import faulthandler
from typing import Final

from weft.engine.coretypes import EngineError

_enabled_at_first: Final[list[bool]] = []


def note_engine() -> None:
    """Note the state of `faulthandler`; called before an engine is made."""
    if not _enabled_at_first:
        _enabled_at_first.append(faulthandler.is_enabled())


def check_handlers() -> None:
    """Do nothing while Wasmtime's handlers are where it put them.

    Raises:
        EngineError: `faulthandler` was switched on or off since: the next trap would end the process.
    """
    if _enabled_at_first and faulthandler.is_enabled() is not _enabled_at_first[0]:
        change = "enabled" if faulthandler.is_enabled() else "disabled"
        msg = f"faulthandler was {change} after the first engine was made, so traps would crash: do that before"
        raise EngineError(msg)
