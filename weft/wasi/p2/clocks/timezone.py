"""wasi:clocks/timezone, which is not stable yet: guests are told UTC, and nothing of where the host is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from weft.wasi.p2.io.error import VERSION

if TYPE_CHECKING:
    from weft import Linker
    from weft.wasi.ctx import Getter

UTC: Final = {"utc_offset": 0, "name": "UTC", "in_daylight_saving_time": False}


def add_to_linker(linker: Linker, _getter: Getter) -> None:
    """Let guests import the interface."""
    api = linker.instance(f"wasi:clocks/timezone@{VERSION}")
    api.func_wrap("display", lambda _store, _when: UTC)
    api.func_wrap("utc-offset", lambda _store, _when: 0)


__all__ = ["UTC", "add_to_linker"]
