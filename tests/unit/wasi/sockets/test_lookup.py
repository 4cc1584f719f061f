"""Names, and looking them up."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel
import pytest

import weft
from weft.wasi import Network, WasiCtx
from weft.wasi.sockets import lookup
from weft.wasi.sockets.errors import SocketError
from weft.wasi.sockets.lookup import resolve
from weft.wasi.sockets.names import ascii_name, numeric_address

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.anyio


@pytest.fixture
async def accessor() -> AsyncIterator[weft.Accessor]:
    async with weft.Store(weft.Engine()) as store:
        yield store.accessor


def context(**network: Any) -> WasiCtx:
    return WasiCtx(network=Network(**network))


class Resolver:
    """Stands for the resolver of the system: knows what it was asked, and answers when it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answer: str) -> None:
        self.asked: list[str] = []
        self.answer: list[str] | OSError = list(answer)
        self.go = anyio.Event()
        monkeypatch.setattr(lookup.anyio, "getaddrinfo", self.getaddrinfo)

    async def getaddrinfo(self, host: str, port: None, *, type: socket.SocketKind) -> list[Any]:  # noqa: A002 - as in anyio
        self.asked.append(host)
        await self.go.wait()
        if isinstance(self.answer, OSError):
            raise self.answer
        return [(0, type, 0, "", (ip, port or 0)) for ip in self.answer]


@pytest.mark.parametrize(
    ("name", "ip"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("127.1", "127.0.0.1"),
        ("0x7f000001", "127.0.0.1"),
        ("0X7F.1", "127.0.0.1"),
        ("2130706433", "127.0.0.1"),
        ("127.0.0.1.", "127.0.0.1"),
        ("\uff11\uff12\uff17.0.0.1", "127.0.0.1"),
        ("::1", "::1"),
        ("::FFFF:127.0.0.1", "127.0.0.1"),
        ("fe80::1", "fe80::1"),
        ("example.org", None),
        ("localhost", None),
        ("1.example.org.", None),
    ],
)
def test_numeric_names(name: str, ip: str | None) -> None:
    """A name that is an address in any notation is that address, and never an IPv4 address mapped into IPv6."""
    assert numeric_address(name) == (ip and ip_address(ip))


@pytest.mark.parametrize(
    "name",
    [
        "", ".", "..", "a..b", ".a", "a b", "a/b", "a\0b", "a:b", "a@b", "-a", "a-", "fe80::1%1", "[::1]", "::1::",
        "256.256.256.256", "1.2.3.4.5", "example.1", "0xg.1", "a" * 64, ".".join(["a" * 63] * 4), "a" * 100_000,
        "\u00fc" * 100_000, "\u00fc" * 63, "\ud800", "a\u3002\u3002b", "*.org",
    ],
)  # fmt: skip
async def test_bad_names(name: str, accessor: weft.Accessor, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is no name is `invalid-argument`, at once, and nobody is asked for it."""
    resolver = Resolver(monkeypatch)
    with pytest.raises(SocketError, match="invalid-argument"):
        await resolve(accessor, context(name_lookup=True), name)
    assert not resolver.asked


def test_the_longest_name() -> None:
    """A name may have 253 characters, and a dot at the end."""
    name = ".".join(["a" * 63] * 3 + ["b" * 61])
    assert ascii_name(name + ".") == name + "."


async def test_denied_names(accessor: weft.Accessor, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is not granted is refused, and nobody is asked for it; addresses need leave to look up anything."""
    resolver = Resolver(monkeypatch)
    for ctx, name in (
        (context(), "example.org"),
        (context(), "127.0.0.1"),
        (context(name_lookup=["example.org"]), "example.net"),
    ):
        with pytest.raises(PermissionError):
            await resolve(accessor, ctx, name)
    assert await resolve(accessor, context(name_lookup=["example.org"]), "127.0.0.1") == [ip_address("127.0.0.1")]
    assert not resolver.asked


async def test_found(accessor: weft.Accessor, monkeypatch: pytest.MonkeyPatch) -> None:
    """The addresses keep their order, each comes once, and mapped ones are shown as what they are."""
    resolver = Resolver(monkeypatch, "::ffff:192.0.2.1", "fe80::1%lo", "192.0.2.1", "192.0.2.2")
    resolver.go.set()
    found = await resolve(accessor, context(name_lookup=True), "B\u00fccher.Example.")
    assert [str(ip) for ip in found] == ["192.0.2.1", "fe80::1", "192.0.2.2"]
    assert resolver.asked == ["xn--bcher-kva.example."]


async def test_not_found(accessor: weft.Accessor, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of the resolver is raised, and no results are an error too."""
    resolver = Resolver(monkeypatch)
    resolver.go.set()
    with pytest.raises(SocketError, match="name-unresolvable"):
        await resolve(accessor, context(name_lookup=True), "example.org")
    resolver.answer = socket.gaierror(socket.EAI_AGAIN, "later")
    with pytest.raises(socket.gaierror):
        await resolve(accessor, context(name_lookup=True), "example.org")


async def test_the_real_resolver(accessor: weft.Accessor) -> None:
    """`localhost` is found without a network, as addresses of this machine."""
    found = await resolve(accessor, context(name_lookup=["localhost"]), "LocalHost")
    assert found
    assert all(ip.is_loopback for ip in found)


async def until(condition: Any) -> None:
    with anyio.fail_after(10):
        while not condition():
            await anyio.lowlevel.checkpoint()


async def test_lookups_that_are_given_up(accessor: weft.Accessor, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lookup can be given up at any time, but a guest never has more than so many, however many it gives up."""
    resolver = Resolver(monkeypatch, "192.0.2.1")
    ctx = context(name_lookup=True)
    for _ in range(3):
        async with anyio.create_task_group() as group:
            for index in range(2 * lookup.LOOKUPS):
                group.start_soon(resolve, accessor, ctx, f"a{index}.org")
            await until(lambda: len(resolver.asked) == lookup.LOOKUPS)
            await anyio.wait_all_tasks_blocked()
            group.cancel_scope.cancel()
    assert len(resolver.asked) == lookup.LOOKUPS
    resolver.go.set()
    assert await resolve(accessor, ctx, "last.org") == [ip_address("192.0.2.1")]
