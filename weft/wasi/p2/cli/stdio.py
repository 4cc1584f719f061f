"""wasi:cli/stdin, stdout and stderr.

Every call of ``get-stdin`` and the others gives another stream over the same input or output. Outputs are written at
once, and a guest waits until they have taken what it writes: so all of it arrives, whether or not the guest flushes
before it ends, and what several streams write comes in the order in which they wrote it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft.wasi.p2.io import InputStream, OutputStream
from weft.wasi.p2.io.error import VERSION

if TYPE_CHECKING:
    from weft import Linker, Store
    from weft.wasi.ctx import Getter


def add_to_linker(linker: Linker, getter: Getter) -> None:
    """Let guests import the interfaces."""

    @linker.instance(f"wasi:cli/stdin@{VERSION}").func_wrap("get-stdin")
    def get_stdin(store: Store) -> InputStream:
        return InputStream(getter(store.data).stdin)

    @linker.instance(f"wasi:cli/stdout@{VERSION}").func_wrap("get-stdout")
    def get_stdout(store: Store) -> OutputStream:
        return OutputStream(getter(store.data).stdout, blocking=True)

    @linker.instance(f"wasi:cli/stderr@{VERSION}").func_wrap("get-stderr")
    def get_stderr(store: Store) -> OutputStream:
        return OutputStream(getter(store.data).stderr, blocking=True)


__all__ = ["add_to_linker"]
