"""wasi:clocks/timezone, which is not stable yet: guests are told UTC, and nothing of where the host is."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from weft import Linker
    from weft.wasi.ctx import Getter


def add_to_linker(linker: Linker, _getter: Getter) -> None:
    """Let guests import the interface."""
    api = linker.instance("wasi:clocks/timezone@0.3.0")
    api.func_wrap("iana-id", lambda _store: "UTC")
    api.func_wrap("utc-offset", lambda _store, _when: 0)
    api.func_wrap("to-debug-string", lambda _store: "UTC")


__all__ = ["add_to_linker"]
