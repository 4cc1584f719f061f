"""Running a command: a component that exports ``wasi:cli/run``."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from weft import DeadlockError, Err, LinkError
from weft.wasi.exit import Exit

if TYPE_CHECKING:
    from weft import Func, Instance, Store

RUN_INTERFACES: Final = ("wasi:cli/run@0.3.0", "wasi:cli/run@0.2.0")
"""What a command exports; the first that there is runs."""


def find_run(instance: Instance) -> Func:
    """Return the function that runs a command.

    Raises:
        LinkError: the component is no command.
    """
    for interface in RUN_INTERFACES:
        func = instance.find_func(interface, "run")
        if func is not None:
            return func
    raise LinkError(f"the component is no command: it exports none of {', '.join(RUN_INTERFACES)}")


async def run_command(store: Store, instance: Instance) -> int:
    """Run a command to its end, which is also that of the tasks it left running, as far as they can run.

    Args:
        store: opened with ``async with``.
        instance: of a component that exports ``wasi:cli/run``, of WASI 0.3 or 0.2.

    Returns:
        The exit status: 0 for success, what it called ``exit`` with, or 1 for an error.

    Raises:
        LinkError: the component is no command.
        DeadlockError: it waits for what can never come.
        Trap: the guest trapped.
    """
    run = find_run(instance)

    try:
        status = await _status(store, run)
        with suppress(DeadlockError):  # a task that waits for what cannot come keeps nobody from ending
            await store.run_until_quiet()
    except Exit as exited:
        return exited.code
    return status


async def _status(store: Store, run: Func) -> int:
    try:
        await run.call_async(store)
    except Err:
        return 1
    return 0


__all__ = ["RUN_INTERFACES", "find_run", "run_command"]
