"""Running a command: a component that exports ``wasi:cli/run``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from weft import Err, LinkError
from weft.wasi.exit import Exit

if TYPE_CHECKING:
    from weft import Accessor, Func, Instance, Store

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
    """Run a command to its end, which is also that of the tasks it left running.

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

    async def rest(accessor: Accessor) -> None:
        await accessor.wait_no_interesting_tasks()

    try:
        await run.call_async(store)
        await store.run_concurrent(rest)
    except Exit as exited:
        return exited.code
    except Err:
        return 1
    return 0


__all__ = ["RUN_INTERFACES", "find_run", "run_command"]
