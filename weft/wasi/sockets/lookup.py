"""Names to addresses, by the resolver of the system."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final, final
from weakref import WeakKeyDictionary

import anyio

from weft.wasi.sockets.addresses import without_disguise
from weft.wasi.sockets.errors import SocketError
from weft.wasi.sockets.names import ascii_name, numeric_address

if TYPE_CHECKING:
    from weft import Accessor
    from weft.wasi.ctx import WasiCtx
    from weft.wasi.sockets.addresses import IpAddress

LOOKUPS: Final = 16
"""How many lookups the guests of one context may have in progress; more wait for their turn."""

_turns: Final[WeakKeyDictionary[WasiCtx, anyio.Semaphore]] = WeakKeyDictionary()


def known_addresses(ctx: WasiCtx, name: str) -> list[IpAddress] | None:
    """Return the address that a name is in itself; None when it has to be looked up.

    Raises:
        SocketError: it is no name.
        OSError: guests may not resolve it.
    """
    try:
        address = numeric_address(name)
        if address is None:
            ctx.network.check_name(ascii_name(name))
    except ValueError as error:
        raise SocketError("invalid-argument") from error
    if address is None:
        return None
    ctx.network.check_numeric_names()
    return [address]


async def resolve(accessor: Accessor, ctx: WasiCtx, name: str) -> list[IpAddress]:
    """Return the addresses that a name stands for, the best first, at least one.

    Raises:
        SocketError: it is no name.
        OSError: guests may not resolve it, or it cannot be resolved (`socket.gaierror`).
    """
    addresses = known_addresses(ctx, name)
    if addresses is not None:
        return addresses
    turn = _turns.get(ctx)
    if turn is None:
        turn = _turns[ctx] = anyio.Semaphore(LOOKUPS)
    await turn.acquire()
    lookup = _Lookup(ascii_name(name), turn)
    accessor.spawn(lookup.run)
    await lookup.done.wait()
    return lookup.addresses()


@final
class _Lookup:
    """A lookup, which goes on when nobody wants its result any more: the resolver cannot be interrupted.

    Invariant: it has a turn until it is over, so that a guest that gives up lookups cannot have any number of them.
    """

    __slots__ = ("_error", "_found", "_name", "_turn", "done")

    def __init__(self, name: str, turn: anyio.Semaphore) -> None:
        self._name = name
        self._turn = turn
        self._found: list[IpAddress] = []
        self._error: OSError | None = None
        self.done = anyio.Event()

    async def run(self, _accessor: Accessor) -> None:
        """Ask the resolver."""
        try:
            infos = await anyio.getaddrinfo(self._name, None, type=socket.SOCK_STREAM)
        except OSError as error:
            self._error = error
        else:
            hosts = (info[4][0].partition("%")[0] for info in infos)
            self._found = list(dict.fromkeys(without_disguise(ip_address(host)) for host in hosts))
        finally:
            self._turn.release()
            self.done.set()

    def addresses(self) -> list[IpAddress]:
        """Return what was found."""
        if self._error is not None:
            raise self._error
        if not self._found:
            raise SocketError("name-unresolvable")
        return self._found


__all__ = ["LOOKUPS", "known_addresses", "resolve"]
