"""What guests may send, and where to."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from http_server import Received, answering, result_of, run, serving

from weft import Err
from weft.wasi import Network, WasiCtx
from weft.wasi.http import Http, HttpError, Response, send
from weft.wasi.http.sending import send_request

if TYPE_CHECKING:
    from http_server import Client

    from weft import Accessor
    from weft.wasi.http import Request

pytestmark = pytest.mark.anyio

EMPTY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


async def failure(client: Client, authority: str, **parts: Any) -> Any:
    """Send a request that fails, and return the code, which its maker was told, too."""
    request = client.request(authority, **parts)
    with pytest.raises(HttpError) as caught:
        await send(client.accessor, request)
    assert await result_of(client, request.body.result) == Err(caught.value.code)
    return caught.value.code


@pytest.fixture
def resolved(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Have every name resolve to the addresses in a list, once: the next time to nothing that is known."""
    answers: list[Any] = []

    async def getaddrinfo(_host: str, port: int, **_options: object) -> Any:
        addresses = answers.pop(0)
        return [(0, 0, 0, "", (address, port)) for address in addresses]

    monkeypatch.setattr(anyio, "getaddrinfo", getaddrinfo)
    return answers


@pytest.mark.parametrize(
    ("outgoing", "granted", "denied"),
    [
        (False, [], ["example.org", "127.0.0.1", "[::1]"]),
        (["example.org"], ["example.org", "EXAMPLE.org:8080"], ["www.example.org", "example.org.evil", "127.0.0.1"]),
        (["*.example.org"], ["a.example.org", "a.b.example.org."], ["example.org", "aexample.org"]),
        (["::1", "10.0.0.1"], ["[::1]:80", "[0:0::01]", "10.0.0.1"], ["[::2]", "10.0.0.2", "167772161"]),
        ("example.org", ["example.org"], ["e", "org"]),
        (["example.org"], ["evil.org@example.org"], ["example.org@evil.org", "example.org:80@evil.org:80"]),
    ],
)
async def test_guests_send_only_where_they_may(
    outgoing: Any, granted: list[str], denied: list[str], resolved: list[Any]
) -> None:
    """Nothing is granted but what is named, whatever else an authority says."""
    # No address may be used: what was granted gets as far as that.
    resolved.extend([["10.0.0.1"]] * len(granted))
    ctx = WasiCtx(http=Http(outgoing=outgoing), network=Network(addresses=[]))

    async def main(client: Client) -> None:
        for authority in denied:
            assert await failure(client, authority) == "HTTP-request-denied"
        for authority in granted:
            assert await failure(client, authority) == "destination-IP-prohibited"

    await run(main, ctx)


async def test_the_address_is_checked_and_not_the_name_alone(resolved: list[Any]) -> None:
    """A name that is granted leads to no address that is not."""
    ctx = WasiCtx(http=Http(outgoing=["example.org"]), network=Network(addresses=["10.0.0.0/8"]))

    async def main(client: Client) -> None:
        resolved.append(["127.0.0.1", "::ffff:127.0.0.1", "169.254.169.254"])
        assert await failure(client, "example.org") == "destination-IP-prohibited"

    await run(main, ctx)


async def test_the_connection_goes_to_the_address_that_was_checked(resolved: list[Any]) -> None:
    """A name is resolved once; addresses that may not be used are passed over."""
    received = Received()
    ctx = WasiCtx(http=Http(outgoing=["example.org"]), network=Network(addresses=["127.0.0.0/8"]))

    async def main(client: Client) -> None:
        async with serving(answering(EMPTY, received)) as authority:
            port = authority.partition(":")[2]
            resolved.extend([["10.0.0.1", "127.0.0.1"], ["10.0.0.1"]])
            assert (await send(client.accessor, client.request(f"example.org:{port}"))).status == 200
            assert received.headers[b"host"] == f"example.org:{port}".encode()
            assert resolved == [["10.0.0.1"]]

    await run(main, ctx)


async def test_each_use_of_an_address_is_asked_for() -> None:
    """The embedder's check sees every address before it is connected to."""
    asked: list[Any] = []

    def check(use: str, address: object, port: int) -> bool:
        asked.append((use, str(address), port))
        return False

    async def main(client: Client) -> None:
        assert await failure(client, "[::1]:8080") == "destination-IP-prohibited"
        assert asked == [("tcp-connect", "::1", 8080)]

    await run(main, WasiCtx(http=Http(outgoing=True), network=Network(check=check)))


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        ({"scheme": "ftp"}, "HTTP-protocol-error"),
        ({"scheme": "http"}, "HTTP-protocol-error"),
        ({"method": "CONNECT"}, "HTTP-request-method-invalid"),
        ({"path": "a/b"}, "HTTP-request-URI-invalid"),
        ({"path": "*"}, "HTTP-request-URI-invalid"),
    ],
)
async def test_what_cannot_be_sent_is_refused(parts: dict[str, Any], code: str) -> None:
    """A scheme that is not granted, a method that makes a tunnel, or a path that is none, is an error."""
    ctx = WasiCtx(http=Http(outgoing=True, schemes=["https"]), network=Network(addresses=[]))

    async def main(client: Client) -> None:
        assert await failure(client, "example.org", **{"scheme": "https"} | parts) == code

    await run(main, ctx)


@pytest.mark.parametrize("name", [".example.org", "."])
async def test_names_that_no_certificate_can_have_are_refused(name: str, resolved: list[Any]) -> None:
    """A name server may answer for anything; but TLS is spoken with nobody whose name is none."""

    async def main(client: Client) -> None:
        async with serving(answering(b"")) as authority:
            resolved.append(["127.0.0.1"])
            host = f"{name}:{authority.partition(':')[2]}"
            assert await failure(client, host, scheme="https") == "HTTP-request-URI-invalid"

    await run(main)


async def test_a_request_without_authority_goes_nowhere() -> None:
    """Without an authority there is no server, and without a scheme the default one counts, if there is one."""
    ctx = WasiCtx(http=Http(outgoing=True, default_scheme=None))

    async def main(client: Client) -> None:
        for clear, code in (("set_authority", "HTTP-request-URI-invalid"), ("set_scheme", "HTTP-protocol-error")):
            request = client.request("127.0.0.1")
            getattr(request, clear)(None)
            with pytest.raises(HttpError) as caught:
                await send(client.accessor, request)
            assert caught.value.code == code

    await run(main, ctx)


@pytest.mark.parametrize(
    ("setter", "value"),
    [
        ("set_method", "GET / HTTP/1.1\r\nX: y\r\n\r\nGET"),
        ("set_method", ""),
        ("set_path_with_query", "/ HTTP/1.1\r\nX: y"),
        ("set_path_with_query", "/a b"),
        ("set_path_with_query", "/" + "a" * 65_534),
        ("set_path_with_query", "/#fragment"),
        ("set_scheme", "ht tp"),
        ("set_authority", "a\r\nX: y"),
        ("set_authority", "a b"),
        ("set_authority", "a/b"),
        ("set_authority", "a:65536"),
        ("set_authority", "a:-1"),
        ("set_authority", "[::1"),
        ("set_authority", "a" * 65_535),
    ],
)
async def test_nothing_but_the_grammar_gets_into_a_request(setter: str, value: str) -> None:
    """What could end a line, or be taken for another part, is refused when it is set."""

    async def main(client: Client) -> None:
        request = client.request("example.org")
        with pytest.raises(Err):
            getattr(request, setter)(value)
        request.on_drop()

    await run(main)


async def test_the_embedder_can_send_in_our_place() -> None:
    """`Http.send` gets each request of a guest, and can change it and pass it on."""
    received = Received()

    async def override(accessor: Accessor, request: Request) -> Response:
        request.path_with_query = "/changed"
        return await send(accessor, request)

    async def main(client: Client) -> None:
        async with serving(answering(EMPTY, received)) as authority:
            await send_request(client.accessor, client.request(authority))
            assert received.head.target == b"/changed"

    await run(main, WasiCtx(http=Http(outgoing=True, send=override)))


async def test_without_h11_a_request_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client's one dependency is optional: without it, an error says how to get it, once something may be sent."""
    import weft.wasi.http

    monkeypatch.delattr(weft.wasi.http, "client", raising=False)
    for name in ("client", "exchange"):
        monkeypatch.delitem(sys.modules, f"weft.wasi.http.{name}", raising=False)
    monkeypatch.setitem(sys.modules, "h11", None)

    async def denied(client: Client) -> None:
        assert await failure(client, "127.0.0.1") == "HTTP-request-denied"

    async def granted(client: Client) -> None:
        with pytest.raises(ModuleNotFoundError, match=r"pip install weft\[http\]"):
            await send(client.accessor, client.request("127.0.0.1"))

    await run(denied, WasiCtx())
    await run(granted)
