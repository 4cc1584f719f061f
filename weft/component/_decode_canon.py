"""Decode canonical definitions: one row a built-in.

Source: Binary.md, "Canonical Definitions".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from weft.component import narrow
from weft.component._decode_core import core_value_type
from weft.component._decode_types import result_list
from weft.component.plan import (
    CanonOptions,
    ContextBuiltin,
    ErrorContextBuiltin,
    Lift,
    Lower,
    PlainBuiltin,
    ResourceBuiltin,
    SubtaskCancel,
    TaskReturn,
    ThreadNewIndirect,
    ThreadSpawn,
    ThreadSwitch,
    TransmitBuiltin,
    TransmitCancel,
    TransmitCopy,
    WaitableSetBuiltin,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from weft.component.plan import Builtin, Canon, StringEncoding
    from weft.component.reader import Reader

_ENCODINGS: Final[dict[int, StringEncoding]] = {0x00: "utf8", 0x01: "utf16", 0x02: "latin1+utf16"}
_INDEX_OPTIONS: Final = {0x03: "memory", 0x04: "realloc", 0x05: "post-return", 0x07: "callback"}
_GATED: Final = frozenset({0x1C, 0x1D, 0x1E, *range(0x26, 0x2E), 0x40, 0x41, 0x42})


def canon(reader: Reader) -> Canon:
    """Read a ``canon``."""
    start = reader.position
    code = reader.byte()
    match code:
        case 0x00:
            reader.expect(0x00, "canonical function lift")
            return Lift(reader.u32(), options(reader), reader.u32())
        case 0x01:
            reader.expect(0x00, "canonical function lower")
            return Lower(reader.u32(), options(reader))
        case _:
            pass
    if (decode := _BUILTINS.get(code)) is None:
        raise reader.invalid_byte(code, "canonical function")
    builtin = decode(reader)
    # Without threads, which it has no switch for, the engine knows only slot 0.
    if code in _GATED or (isinstance(builtin, ContextBuiltin) and builtin.slot == 1):
        reader.note_gated(start, builtin)
    elif code in {0x0E, 0x15}:
        reader.note_wide(start, narrow.NEW_ENDS)
    return builtin


def options(reader: Reader) -> CanonOptions:
    """Read ``opts``; each kind of option may stand there once."""
    found: dict[str, int] = {}
    encoding: StringEncoding | None = None
    for _ in range(reader.count()):
        start = reader.position
        code = reader.byte()
        if (spelled := _ENCODINGS.get(code)) is not None:
            if encoding is not None:
                raise reader.error("canonical encoding option conflicts with an earlier one", start)
            encoding = spelled
            continue
        name = "async" if code == 0x06 else _INDEX_OPTIONS.get(code)
        if name is None:
            raise reader.invalid_byte(code, "canonical option")
        if name in found:
            raise reader.error(f"canonical option `{name}` is specified more than once", start)
        found[name] = 1 if code == 0x06 else reader.u32()
    return CanonOptions(
        encoding=encoding or "utf8",
        memory=found.get("memory"),
        realloc=found.get("realloc"),
        post_return=found.get("post-return"),
        is_async="async" in found,
        callback=found.get("callback"),
        encoding_given=encoding is not None,
    )


def _plain(name: str) -> Callable[[Reader], Builtin]:
    return lambda reader: PlainBuiltin(name)


def _resource(name: str) -> Callable[[Reader], Builtin]:
    return lambda reader: ResourceBuiltin(name, reader.u32())


def _context(name: str) -> Callable[[Reader], Builtin]:
    return lambda reader: ContextBuiltin(name, core_value_type(reader), reader.u32())


def _transmit(name: str) -> Callable[[Reader], Builtin]:
    return lambda reader: TransmitBuiltin(name, reader.u32())


def _copy(name: str) -> Callable[[Reader], Builtin]:
    return lambda reader: TransmitCopy(name, reader.u32(), options(reader))


def _cancel_copy(name: str) -> Callable[[Reader], Builtin]:
    return lambda reader: TransmitCancel(name, reader.u32(), reader.flag("async"))


def _error_context(name: str) -> Callable[[Reader], Builtin]:
    return lambda reader: ErrorContextBuiltin(name, options(reader))


def _not_cancellable(reader: Reader) -> None:
    reader.expect(0x00, "cancellable")


def _waitable_set(name: str) -> Callable[[Reader], Builtin]:
    def decode(reader: Reader) -> Builtin:
        _not_cancellable(reader)
        return WaitableSetBuiltin(name, reader.u32())

    return decode


def _switch(name: str) -> Callable[[Reader], Builtin]:
    def decode(reader: Reader) -> Builtin:
        _not_cancellable(reader)
        return ThreadSwitch(name)

    return decode


def _spawn_ref(reader: Reader) -> Builtin:
    return ThreadSpawn("thread.spawn-ref", reader.flag("shared"), reader.u32())


def _spawn_indirect(reader: Reader) -> Builtin:
    return ThreadSpawn("thread.spawn-indirect", reader.flag("shared"), reader.u32(), reader.u32())


def _available_parallelism(reader: Reader) -> Builtin:
    return ThreadSpawn("thread.available-parallelism", reader.flag("shared"))


_BUILTINS: Final[dict[int, Callable[[Reader], Builtin]]] = {
    0x02: _resource("resource.new"),
    0x03: _resource("resource.drop"),
    0x04: _resource("resource.rep"),
    0x05: _plain("task.cancel"),
    0x06: lambda reader: SubtaskCancel(reader.flag("async")),
    0x09: lambda reader: TaskReturn(result_list(reader), options(reader)),
    0x0A: _context("context.get"),
    0x0B: _context("context.set"),
    0x0C: _switch("thread.yield"),
    0x0D: _plain("subtask.drop"),
    0x0E: _transmit("stream.new"),
    0x0F: _copy("stream.read"),
    0x10: _copy("stream.write"),
    0x11: _cancel_copy("stream.cancel-read"),
    0x12: _cancel_copy("stream.cancel-write"),
    0x13: _transmit("stream.drop-readable"),
    0x14: _transmit("stream.drop-writable"),
    0x15: _transmit("future.new"),
    0x16: _copy("future.read"),
    0x17: _copy("future.write"),
    0x18: _cancel_copy("future.cancel-read"),
    0x19: _cancel_copy("future.cancel-write"),
    0x1A: _transmit("future.drop-readable"),
    0x1B: _transmit("future.drop-writable"),
    0x1C: _error_context("error-context.new"),
    0x1D: _error_context("error-context.debug-message"),
    0x1E: _plain("error-context.drop"),
    0x1F: _plain("waitable-set.new"),
    0x20: _waitable_set("waitable-set.wait"),
    0x21: _waitable_set("waitable-set.poll"),
    0x22: _plain("waitable-set.drop"),
    0x23: _plain("waitable.join"),
    0x24: _plain("backpressure.inc"),
    0x25: _plain("backpressure.dec"),
    0x26: _plain("thread.index"),
    0x27: lambda reader: ThreadNewIndirect(reader.u32(), reader.u32()),
    0x28: _plain("thread.resume-later"),
    0x29: _switch("thread.suspend"),
    0x2A: _switch("thread.suspend-then-resume"),
    0x2B: _switch("thread.yield-then-resume"),
    0x2C: _switch("thread.suspend-then-promote"),
    0x2D: _switch("thread.yield-then-promote"),
    0x40: _spawn_ref,
    0x41: _spawn_indirect,
    0x42: _available_parallelism,
}

__all__ = ["canon", "options"]
