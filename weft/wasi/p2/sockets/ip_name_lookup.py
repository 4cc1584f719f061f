"""wasi:sockets/ip-name-lookup: names to addresses, one after the other."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, final

import anyio

from weft.wasi.p2.io import Pollable
from weft.wasi.p2.io.error import VERSION
from weft.wasi.p2.sockets.errors import failing
from weft.wasi.sockets.addresses import lower_ip
from weft.wasi.sockets.errors import SocketError, error_code
from weft.wasi.sockets.lookup import known_addresses, resolve

if TYPE_CHECKING:
    from weft import Accessor, JoinHandle, Linker, Store
    from weft.wasi.ctx import Getter, WasiCtx
    from weft.wasi.p2.sockets.network import NetworkHandle
    from weft.wasi.sockets.addresses import IpAddress
    from weft.wasi.sockets.errors import ErrorCode


@final
class AddressStream:
    """The resource ``resolve-address-stream`` (`Readiness`: ready when the addresses, or an error, are known).

    Invariant: it counts as a handle, since a guest can have any number of lookups in progress.
    """

    __slots__ = ("_addresses", "_ctx", "_done", "_failure", "_handle")

    def __init__(self, ctx: WasiCtx) -> None:
        ctx.handles.acquire()
        self._ctx = ctx
        self._addresses: deque[IpAddress] = deque()
        self._failure: ErrorCode | None = None
        self._done = anyio.Event()
        self._handle: JoinHandle | None = None

    def start(self, store: Store, name: str, known: list[IpAddress] | None) -> None:
        """Look a name up, unless its addresses are known."""
        if known is not None:
            self._addresses.extend(known)
            self._done.set()
        else:
            self._handle = store.spawn(self._resolve, name)

    async def _resolve(self, accessor: Accessor, name: str) -> None:
        try:
            self._addresses.extend(await resolve(accessor, self._ctx, name))
        except (SocketError, OSError) as error:
            self._failure = error_code(error)
        self._done.set()

    def on_drop(self) -> None:
        """Give up the lookup."""
        self._ctx.handles.release()
        if self._handle is not None:
            self._handle.abort()
        self._done.set()

    def is_ready(self) -> bool:
        """Whether the result is known."""
        return self._done.is_set()

    async def wait_ready(self) -> None:
        """Wait until that is so."""
        await self._done.wait()

    def next(self) -> IpAddress | None:
        """Return the next address, None after the last.

        Raises:
            SocketError: it is not known yet, or the name cannot be resolved.
        """
        if not self.is_ready():
            raise SocketError("would-block")
        if self._failure is not None:
            raise SocketError(self._failure)
        return self._addresses.popleft() if self._addresses else None


@failing
def resolve_next_address(_store: Store, stream: AddressStream) -> Any:
    """Return the next address."""
    address = stream.next()
    return None if address is None else lower_ip(address)


def subscribe(_store: Store, stream: AddressStream) -> Pollable:
    """Return what tells when the addresses are known."""
    return Pollable(stream)


def add_to_linker(linker: Linker, getter: Getter) -> None:
    """Let guests import the interface."""
    api = linker.instance(f"wasi:sockets/ip-name-lookup@{VERSION}")
    api.object_resource("resolve-address-stream")
    api.func_wrap("[method]resolve-address-stream.resolve-next-address", resolve_next_address)
    api.func_wrap("[method]resolve-address-stream.subscribe", subscribe)

    @api.func_wrap("resolve-addresses")
    @failing
    def resolve_addresses(store: Store, _network: NetworkHandle, name: str) -> AddressStream:
        ctx = getter(store.data)
        known = known_addresses(ctx, name)
        stream = AddressStream(ctx)
        stream.start(store, name, known)
        return stream


__all__ = ["AddressStream", "add_to_linker"]
