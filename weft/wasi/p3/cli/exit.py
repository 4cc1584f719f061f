"""wasi:cli/exit: ending the program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from weft import Ok
from weft.wasi.exit import Exit

if TYPE_CHECKING:
    from weft import Linker, Store
    from weft.wasi.ctx import Getter


def exit_(_store: Store, status: Any) -> NoReturn:
    """End the program, with success or not."""
    raise Exit(0 if isinstance(status, Ok) else 1)


def exit_with_code(_store: Store, status_code: int) -> NoReturn:
    """End the program with a status."""
    raise Exit(status_code)


def add_to_linker(linker: Linker, _getter: Getter, version: str = "0.3.0") -> None:
    """Let guests import the interface, which is the same in both versions of WASI."""
    api = linker.instance(f"wasi:cli/exit@{version}")
    api.func_wrap("exit", exit_)
    api.func_wrap("exit-with-code", exit_with_code)


__all__ = ["add_to_linker", "exit_", "exit_with_code"]
