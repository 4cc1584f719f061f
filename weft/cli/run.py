"""Running a command to its end, and saying how it ended."""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, final

import anyio
from attrs import frozen

from weft import Component, Config, DeadlockError, Engine, Linker, Store, Trap, wasi
from weft.cli.ending import ended_by_signals, ended_by_timeout

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weft import TraceWriter
    from weft.wasi import WasiCtx

TRAP_STATUS: Final = 134
"""The status after a trap, as of a program that aborts; Wasmtime's command line has the same."""

SLOW_SECONDS: Final = 0.5
"""After so long without a sign of life, people who wait are told why."""


@final
@frozen
class Settings:
    """How to run a command.

    Attributes:
        name: what to call it in messages.
        ctx: what it is given.
        cache: whether compiled code is kept on disk.
        timeout_seconds: how long it may take; None for as long as it likes.
        unknown_imports_trap: whether it runs with imports missing, of which a call is a trap.
    """

    name: str
    ctx: WasiCtx
    cache: bool = True
    timeout_seconds: float | None = None
    unknown_imports_trap: bool = False


def run(data: bytes, settings: Settings, trace: TraceWriter | None = None) -> int:
    """Run a command and return its status; a trap is told of on standard error.

    Args:
        data: the component.
        settings: how.
        trace: writes a timeline.

    Raises:
        WeftError: the component is not valid, cannot be linked, or is no command.
    """
    finish = None if trace is None else trace.close
    with ended_by_signals(finish), ended_by_timeout(settings.timeout_seconds, finish):
        engine = Engine(Config() if settings.cache else Config(cache_dir=None))
        with _progress(f"compiling {settings.name} ({len(data) / 1e6:.1f} MB)"):
            component = Component(engine, data)
        try:
            return anyio.run(_run, component, settings, trace)
        except Trap as trap:
            print(describe(trap), file=sys.stderr)
            return TRAP_STATUS


async def _run(component: Component, settings: Settings, trace: TraceWriter | None) -> int:
    linker = Linker(component.engine)
    wasi.add_to_linker(linker)
    if settings.unknown_imports_trap:
        linker.define_unknown_imports_as_traps(component)
    async with Store(component.engine, data=settings.ctx, trace=trace) as store:
        return await wasi.run_command(store, await linker.instantiate(store, component))


def describe(trap: Trap) -> str:
    """Return what happened, and where: one line for each function that the guest was in, the innermost first."""
    lines = [f"weft: {trap}" if isinstance(trap, DeadlockError) else f"weft: wasm trap: {trap.message}"]
    for number, (name, index, offset) in enumerate(trap.frames):
        lines.append(f"  {number}: {offset:#x} in {f'function {index}' if name is None else name}")
    return "\n".join(lines)


@contextmanager
def _progress(text: str) -> Iterator[None]:
    """Say on a terminal what takes long, as long as it does."""
    if not sys.stderr.isatty():
        yield
        return
    shown = threading.Event()

    def show() -> None:
        shown.set()
        print(f"weft: {text} ...", end="", file=sys.stderr, flush=True)

    timer = threading.Timer(SLOW_SECONDS, show)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        if shown.is_set():
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


__all__ = ["SLOW_SECONDS", "TRAP_STATUS", "Settings", "describe", "run"]
