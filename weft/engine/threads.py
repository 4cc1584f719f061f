"""The stack of the thread a store is used in: guests that run directly use it too."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from weft.engine.coretypes import EngineError

if TYPE_CHECKING:
    from weft.engine.config import EngineConfig

HOST_STACK_SIZE: Final = 256 << 10
"""Bytes of a thread's stack that Python and its callbacks may need beside the guest's."""


def check_thread_stack(config: EngineConfig) -> None:
    """Do nothing where the present thread has room for what guests may use of its stack.

    Raises:
        EngineError: the thread was started with a smaller stack; a guest's recursion would end the process.
    """
    size = threading.stack_size()  # of new threads, 0 for the default, which is large enough
    needed = config.max_wasm_stack + HOST_STACK_SIZE
    if 0 < size < needed and threading.current_thread() is not threading.main_thread():
        msg = (
            f"threads have stacks of {size} bytes (threading.stack_size), but guests may need {needed}: "
            "allow them more, or lower max_wasm_stack"
        )
        raise EngineError(msg)
