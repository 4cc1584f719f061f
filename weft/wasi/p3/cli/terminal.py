"""wasi:cli/terminal-input, -output, -stdin, -stdout and -stderr: whether a person may sit at the other end."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from weft.wasi.stdio import is_terminal

if TYPE_CHECKING:
    from weft import Linker, Store
    from weft.wasi.byte_io import ByteInput, ByteOutput
    from weft.wasi.ctx import Getter, WasiCtx


@final
class Terminal:
    """A terminal, of which guests learn nothing but that it is one."""


def _terminal(stdio: ByteInput | ByteOutput) -> Terminal | None:
    return Terminal() if is_terminal(stdio) else None


def add_to_linker(linker: Linker, getter: Getter, version: str = "0.3.0") -> None:
    """Let guests import the interfaces, which are the same in both versions of WASI."""

    def ctx(store: Store) -> WasiCtx:
        return getter(store.data)

    def define(name: str) -> None:
        linker.instance(f"wasi:cli/{name}@{version}").object_resource(name)

    define("terminal-input")
    define("terminal-output")
    stdin, stdout, stderr = (
        linker.instance(f"wasi:cli/terminal-{name}@{version}") for name in ("stdin", "stdout", "stderr")
    )
    stdin.func_wrap("get-terminal-stdin", lambda store: _terminal(ctx(store).stdin))
    stdout.func_wrap("get-terminal-stdout", lambda store: _terminal(ctx(store).stdout))
    stderr.func_wrap("get-terminal-stderr", lambda store: _terminal(ctx(store).stderr))


__all__ = ["Terminal", "add_to_linker"]
