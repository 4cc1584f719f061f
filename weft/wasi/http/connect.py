"""Connections to where guests may send requests, and to nowhere else."""

from __future__ import annotations

import socket
import ssl
from contextlib import contextmanager
from functools import cache
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final, final

import anyio
import anyio.abc
from anyio.streams.tls import TLSStream

from weft.wasi.clocks import LONG_SECONDS
from weft.wasi.http.errors import HttpError
from weft.wasi.http.failures import code_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anyio.abc import ByteStream

    from weft.wasi.ctx import WasiCtx
    from weft.wasi.http.errors import ErrorCode
    from weft.wasi.http.target import Target

_BROKEN: Final = (
    anyio.BrokenResourceError,
    anyio.BusyResourceError,  # TLS wants to read in order to send, as it does when the other end begins anew
    anyio.ClosedResourceError,
    anyio.EndOfStream,
)


@contextmanager
def time_limit(nanoseconds: int, code: ErrorCode) -> Iterator[None]:
    """Raise an `HttpError` with `code` in what takes longer."""
    seconds = nanoseconds / 1e9
    try:
        with anyio.fail_after(None if seconds > LONG_SECONDS else seconds):
            yield
    except TimeoutError as error:
        raise HttpError(code) from error


@contextmanager
def broken_as(code: ErrorCode) -> Iterator[None]:
    """Raise what a stream raises as an `HttpError`, with `code` where the other end, or this one, is gone."""
    try:
        yield
    except OSError as error:
        raise HttpError(code_of(error)) from error
    except _BROKEN as error:
        raise HttpError(code) from error


@final
class _Transport(anyio.abc.ByteStream):
    """A TCP connection that several tasks may send to: reading TLS can take an answer."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._turn = anyio.Lock()

    async def send(self, item: bytes) -> None:
        async with self._turn:
            await self._stream.send(item)

    async def receive(self, max_bytes: int = 65536) -> bytes:
        return await self._stream.receive(max_bytes)

    async def send_eof(self) -> None:
        await self._stream.send_eof()

    async def aclose(self) -> None:
        """Close at once, whatever the other end does."""
        with anyio.CancelScope(shield=True):
            await self._stream.aclose()


@final
class Connection:
    """A connection, counted as a handle (by `connect`, from its beginning) until it is closed."""

    __slots__ = ("_ctx", "_stream", "_transport")

    def __init__(self, ctx: WasiCtx, transport: ByteStream, stream: ByteStream) -> None:
        self._ctx = ctx
        self._transport: ByteStream | None = transport
        self._stream = stream

    async def send(self, data: bytes) -> None:
        """Send all of `data`.

        Raises:
            HttpError: the other end is gone.
        """
        with broken_as("connection-terminated"):
            await self._stream.send(data)

    async def receive(self, max_byte_length: int) -> bytes:
        """Return what comes next, nothing at the end.

        Raises:
            HttpError: the connection broke.
        """
        with broken_as("connection-terminated"):
            try:
                return await self._stream.receive(max_byte_length)
            except anyio.EndOfStream:
                return b""
        raise AssertionError

    async def aclose(self) -> None:
        """Close at once, whatever the other end does; again is fine."""
        transport, self._transport = self._transport, None
        if transport is not None:
            self._ctx.handles.release()
            await transport.aclose()


async def connect(ctx: WasiCtx, target: Target) -> Connection:
    """Connect to the first of the addresses of `target` that may be used and answers.

    A name is resolved once, and what was checked is what is connected to: a name server that changes its mind in
    between leads nowhere else.

    Raises:
        HttpError: there is none, or no TLS with it.
    """
    with broken_as("connection-limit-reached"):
        ctx.handles.acquire()
    try:
        return await _connect(ctx, target)
    except BaseException:
        ctx.handles.release()
        raise


async def _connect(ctx: WasiCtx, target: Target) -> Connection:
    with broken_as("connection-terminated"):
        transport = _Transport(await _connect_any(ctx, await _resolve(target), target.port))
    try:
        with broken_as("TLS-protocol-error"):
            stream = await _start_tls(ctx, transport, target.host) if target.tls else transport
            return Connection(ctx, transport, stream)
        raise AssertionError
    except BaseException:
        await transport.aclose()
        raise


async def _resolve(target: Target) -> list[str]:
    try:
        return [str(ip_address(target.host))]
    except ValueError:
        found = await anyio.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
        return list(dict.fromkeys(str(address[4][0]) for address in found))


async def _connect_any(ctx: WasiCtx, addresses: list[str], port: int) -> ByteStream:
    first: OSError | None = None
    for address in addresses:
        try:
            ctx.network.check_address("tcp-connect", ip_address(address.partition("%")[0]), port)
            return await anyio.connect_tcp(address, port)
        except OSError as error:
            first = first or error
    raise first or OSError("the name has no address")


async def _start_tls(ctx: WasiCtx, transport: ByteStream, host: str) -> ByteStream:
    context = ctx.http.ssl_context or _default_ssl_context()
    try:
        return await TLSStream.wrap(transport, server_side=False, hostname=host.rstrip("."), ssl_context=context)
    except ssl.SSLError:
        raise
    except ValueError as error:  # a name that resolves, but that no certificate can have
        raise HttpError("HTTP-request-URI-invalid") from error


@cache
def _default_ssl_context() -> ssl.SSLContext:
    return ssl.create_default_context()


__all__ = ["Connection", "connect", "time_limit"]
