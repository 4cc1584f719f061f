"""Clients, servers and guests that do what they should not, under the ASGI application."""

from __future__ import annotations

from typing import Any

import anyio
import anyio.lowlevel
import pytest
from anyio import wait_all_tasks_blocked
from asgi_client import BODY, Exchange, get, service

from weft.wasi import WasiCtx, WasiLimits
from weft.wasi.http import asgi

pytestmark = pytest.mark.anyio

TRAILERS: dict[str, Any] = {"headers": [(b"te", b"trailers")], "extensions": {"http.response.trailers": {}}}


async def test_a_server_that_fails_to_receive_harms_that_request_only() -> None:
    """What `receive` raises reaches the server; other requests of the instance go on."""
    async with service(max_instances=1) as app, anyio.create_task_group() as group:
        other = Exchange(app, "/gather", method="POST", headers=BODY).start(group)
        broken = Exchange(app, "/gather", method="POST", headers=BODY)
        broken.receive_error = ZeroDivisionError("a bug of the server's")
        await broken.run()
        assert isinstance(broken.error, ZeroDivisionError)
        other.give(b"abc", more=False)
        await other.ended.wait()
        assert other.body == b"3"
        assert len(app.pool.workers) == 1


@pytest.mark.parametrize("path", ["/xcuse", "/trap", "/hello", "/status-404"])
async def test_nobody_hears_an_answer_when_the_client_has_gone(path: str) -> None:
    """An `OSError` of `send` means that there is no client: that is no error of the application."""
    async with service() as app:
        exchange = Exchange(app, path)
        exchange.send_error = ConnectionResetError("gone")
        await exchange.run()
        assert exchange.error is None
        assert (await get(app, "/hello")).status == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([(b"x", b"\x01")], 400),
        ([(b"x y", b"1")], 400),
        ([(b"host", b"evil.example")], 400),
        ([(b"content-length", b"1, 2")], 400),
        ([(b"te", b"trailers"), (b"te", b"trailers")], 200),
        ([(b"x", "é".encode("latin-1"))], 200),
    ],
)
async def test_a_client_that_speaks_badly_is_told_so(headers: list[tuple[bytes, bytes]], status: int) -> None:
    """Headers that are none, and more than one `host`, are the client's fault."""
    async with service() as app:
        assert (await get(app, "/hello", headers=headers)).status == status


@pytest.mark.parametrize(("method", "path"), [("HEAD", "/rear"), ("GET", "/status-304")])
async def test_no_trailers_are_announced_where_none_can_follow(method: str, path: str) -> None:
    """A server waits for what was announced: responses without a body have no trailers either."""
    async with service() as app:
        answer = await get(app, path, method=method, **TRAILERS)
    assert "trailers" not in answer.messages[0]
    assert answer.complete


async def test_a_guest_whose_memory_is_used_up_is_replaced(caplog: pytest.LogCaptureFixture) -> None:
    """Where the objects of a guest may take no more memory, a request fails as with a trap, and a fresh one comes."""
    made: list[WasiCtx] = []

    def ctx() -> WasiCtx:
        made.append(WasiCtx(limits=WasiLimits(held_byte_length=64 << 10)))
        return made[-1]

    async with service(ctx=ctx, max_instances=1) as app:
        assert (await get(app, "/hello")).status == 200
        made[0].held.limit = 0  # whatever is let go of meanwhile leaves no room
        failed = await get(app, "/hello")
        assert (failed.status, failed.error) == (500, None)
        assert (await get(app, "/hello")).status == 200
    assert "is replaced" in caplog.text


async def test_a_guest_that_traps_at_its_start_is_a_500(caplog: pytest.LogCaptureFixture) -> None:
    """An instance that cannot be made is the guest's fault if it traps."""
    app = asgi(b"(component (core module $m (func $f unreachable) (start $f)) (core instance (instantiate $m)))")
    for _ in range(2):
        answer = await get(app, "/")
        assert (answer.status, answer.error) == (500, None)
    await app.aclose()
    assert "does not start" in caplog.text


@pytest.mark.parametrize(
    ("scope", "seen"),
    [
        ({"raw_path": b"/a%20b\xff", "query_string": b"\xc3\xa9=%"}, ("example.org", "/a%20b%FF?%C3%A9=%")),
        ({"raw_path": b"HTTP://other:80/a"}, ("other:80", "/a")),
        ({"raw_path": b"http://other", "query_string": b"a"}, ("other", "/?a")),
        ({"raw_path": b"*", "method": "OPTIONS"}, ("example.org", "*")),
        ({"raw_path": b"http://u@other/"}, None),
        ({"raw_path": b"other:80", "method": "CONNECT"}, None),
    ],
)
async def test_a_target_is_what_its_client_meant(scope: dict[str, Any], seen: tuple[str, str] | None) -> None:
    """Bytes that are no ASCII are percent-encoded; a host in the target counts; users and tunnels are refused."""
    got: list[tuple[str, str]] = []

    class Request:
        @staticmethod
        def received(*args: Any) -> Any:
            got.append((args[3], args[4]))
            return 404

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("weft.wasi.http.asgi_exchange.Request", Request)
        async with service() as app:
            status = (await get(app, "/", **scope)).status
    assert got == ([] if seen is None else [seen])
    assert status == (404 if seen else 405 if scope.get("method") == "CONNECT" else 400)


async def test_a_server_on_a_path_has_no_authority() -> None:
    """A client of HTTP/1.0 on a UNIX socket names no host, and the socket's path is none."""
    async with service() as app:
        scope = {"http_version": "1.0", "server": ("/run/service", None)}
        exchange = Exchange(app, "/hello", **scope)
        exchange.scope["headers"] = []
        assert (await exchange.run()).status == 200


async def test_aborts_at_any_time_leave_nothing() -> None:
    """However many clients go, and however far they got, every instance is free again, and serves."""
    async with service(max_instances=2) as app:
        for path in ("/gather", "/echo", "/copy", "/wait", "/flood", "/hello"):
            async with anyio.create_task_group() as group:
                for steps in range(8):
                    exchange = Exchange(app, path, method="POST", headers=BODY).start(group)
                    for _ in range(steps):
                        await anyio.lowlevel.checkpoint()
                    if not exchange.over:
                        exchange.give(b"x" * 100)
                        exchange.disconnect()
        await wait_all_tasks_blocked()
        assert [worker.in_flight for worker in app.pool.workers] == [0] * len(app.pool.workers)
        assert (await get(app, "/hello")).body == b"Hello, world!\n"
