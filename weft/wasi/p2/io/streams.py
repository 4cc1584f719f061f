"""wasi:io/streams: the functions of ``input-stream`` and ``output-stream``.

The resources are `weft.wasi.p2.io.input.InputStream` and `weft.wasi.p2.io.output.OutputStream`; how to make them, their
modules say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from weft import Trap, TrapCode
from weft.wasi.p2.io.error import VERSION
from weft.wasi.p2.io.input import InputStream
from weft.wasi.p2.io.output import OutputStream
from weft.wasi.p2.io.poll import Pollable

if TYPE_CHECKING:
    from collections.abc import Callable

    from weft import Accessor, Linker, Store
    from weft.wasi.ctx import Getter

FLUSHED_WRITE_BYTE_LENGTH: Final = 4096
"""How much ``blocking-write-and-flush`` takes, by WIT."""


async def read(_accessor: Accessor, stream: InputStream, length: int) -> bytearray:
    """Read what is there."""
    return await stream.read(length)


async def blocking_read(_accessor: Accessor, stream: InputStream, length: int) -> bytearray:
    """Read at least one byte."""
    return await stream.read(length, wait=True)


async def skip(accessor: Accessor, stream: InputStream, length: int) -> int:
    """Read what is there, and say only how much."""
    return len(await read(accessor, stream, length))


async def blocking_skip(accessor: Accessor, stream: InputStream, length: int) -> int:
    """Read at least one byte, and say only how many."""
    return len(await blocking_read(accessor, stream, length))


def subscribe(_store: Store, stream: InputStream | OutputStream) -> Pollable:
    """Return what tells when there is something to read, or room to write."""
    return Pollable(stream)


async def check_write(_accessor: Accessor, stream: OutputStream) -> int:
    """Return how much may be written; like `ready`, it leaves others their turn when a guest asks without end."""
    return stream.check_write()


async def write(accessor: Accessor, stream: OutputStream, contents: bytes) -> None:
    """Write what `check_write` permitted."""
    await stream.write(accessor.store, contents)


async def write_zeroes(accessor: Accessor, stream: OutputStream, length: int) -> None:
    """Write so many zeros, if `check_write` permitted it."""
    if length > stream.check_write():
        raise Trap(TrapCode.OTHER, f"{length} zeros were written where {stream.permit} were permitted")
    await write(accessor, stream, bytes(length))


def _check_flushed_length(length: int) -> None:
    if length > FLUSHED_WRITE_BYTE_LENGTH:
        raise Trap(TrapCode.OTHER, f"{length} bytes are too many: at most {FLUSHED_WRITE_BYTE_LENGTH} are written so")


async def blocking_write_and_flush(accessor: Accessor, stream: OutputStream, contents: bytes) -> None:
    """Write, and wait until it is out."""
    _check_flushed_length(len(contents))
    await stream.write_and_flush(accessor.store, contents)


async def blocking_write_zeroes_and_flush(accessor: Accessor, stream: OutputStream, length: int) -> None:
    """Write so many zeros, and wait until they are out."""
    _check_flushed_length(length)
    await blocking_write_and_flush(accessor, stream, bytes(length))


def flush(store: Store, stream: OutputStream) -> None:
    """Have what was written go out."""
    stream.flush(store)


async def blocking_flush(accessor: Accessor, stream: OutputStream) -> None:
    """Wait until what was written is out."""
    await stream.blocking_flush(accessor.store)


async def splice(accessor: Accessor, stream: OutputStream, source: InputStream, length: int) -> int:
    """Write what can be read from `source`, as far as both go without waiting."""
    length = min(length, stream.check_write())
    if not length:
        return 0
    contents = await source.read(length)
    if contents:
        await stream.write(accessor.store, contents)
    return len(contents)


async def blocking_splice(accessor: Accessor, stream: OutputStream, source: InputStream, length: int) -> int:
    """Wait until there is room, then read at least one byte of `source` and write it."""
    await stream.wait_ready()
    length = min(length, stream.check_write())
    if not length:
        return 0
    contents = await source.read(length, wait=True)
    await stream.write_and_flush(accessor.store, contents)
    return len(contents)


_FUNCS: Final[dict[str, tuple[Callable[..., Any], ...]]] = {
    "input-stream": (read, blocking_read, skip, blocking_skip),
    "output-stream": (
        check_write,
        write,
        write_zeroes,
        blocking_write_and_flush,
        blocking_write_zeroes_and_flush,
        blocking_flush,
        splice,
        blocking_splice,
    ),
}
"""The functions that may wait, or leave others their turn."""


def add_to_linker(linker: Linker, _getter: Getter) -> None:
    """Let guests import the interface."""
    api = linker.instance(f"wasi:io/streams@{VERSION}")
    for resource, funcs in _FUNCS.items():
        api.object_resource(resource)
        api.func_wrap(f"[method]{resource}.subscribe", subscribe)
        for func in funcs:
            api.func_wrap_async(f"[method]{resource}.{func.__name__.replace('_', '-')}", func)
    api.func_wrap("[method]output-stream.flush", flush)


__all__ = ["FLUSHED_WRITE_BYTE_LENGTH", "InputStream", "OutputStream", "add_to_linker"]
