"""A service as an ASGI application: requests, responses, and all that can happen to them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from anyio import wait_all_tasks_blocked
from asgi_client import BODY, SERVICE, Component, Exchange, get, service

import weft
from weft import wasi
from weft.wasi import WasiCtx
from weft.wasi.http import asgi

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.anyio


async def test_a_response_has_status_headers_and_body() -> None:
    """What the handler returns is what the server is told to send."""
    async with service() as app:
        hello = await get(app, "/hello")
    assert (hello.status, hello.body, hello.complete) == (200, b"Hello, world!\n", True)
    assert hello.headers == {b"content-length": b"14"}


async def test_an_instance_handles_many_requests() -> None:
    """Requests one after another go to the same instance, up to its number."""
    async with service(max_requests_per_instance=3) as app:
        workers: set[int] = set()
        kept: list[object] = []
        for _ in range(7):
            assert (await get(app, "/hello")).status == 200
            workers |= {id(worker) for worker in app.pool.workers}
            kept += app.pool.workers
        assert len(workers) == 3


async def test_one_instance_handles_requests_at_the_same_time() -> None:
    """While one request waits for its body, others are handled in the same instance."""
    async with service(max_instances=1) as app, anyio.create_task_group() as group:
        slow = [Exchange(app, "/gather", method="POST", headers=BODY).start(group) for _ in range(5)]
        await wait_all_tasks_blocked()
        assert (await get(app, "/peak")).body == b"5"
        for number, exchange in enumerate(slow):
            exchange.give(b"x" * number, more=False)
            await exchange.ended.wait()
            assert exchange.body == str(number).encode()


@pytest.mark.parametrize("path", ["/echo", "/copy"])
async def test_bodies_stream_both_ways(path: str) -> None:
    """A part of a body that comes goes through the guest and out before the next part is there."""
    async with service() as app, anyio.create_task_group() as group:
        echo = Exchange(app, path, method="POST", headers=BODY).start(group)
        await wait_all_tasks_blocked()
        assert echo.status == 200
        for part in (b"one", b"two", b"three"):
            echo.give(part)
            await wait_all_tasks_blocked()
            assert echo.messages[-1] == {"type": "http.response.body", "body": part, "more_body": True}
        echo.give(b"", more=False)
        await echo.ended.wait()
        assert echo.complete


async def test_a_guest_that_does_not_read_holds_the_client_back() -> None:
    """The server is asked for no body before the guest reads, and never for more than the guest has taken."""
    async with service() as app, anyio.create_task_group() as group:
        echo = Exchange(app, "/copy", method="POST", headers=BODY)
        echo.hold()
        echo.start(group)
        for _ in range(10):
            echo.give(bytes(100_000))
        await wait_all_tasks_blocked()
        assert echo.asked <= 4
        echo.let_go()
        echo.give(b"", more=False)
        await echo.ended.wait()
        assert len(echo.body) == 1_000_000


async def test_a_slow_client_holds_the_guest_back() -> None:
    """A guest that writes without end gets no further than the client reads."""
    async with service() as app, anyio.create_task_group() as group:
        flood = Exchange(app, "/flood")
        flood.hold()
        flood.start(group)
        await wait_all_tasks_blocked()
        assert not flood.messages
        flood.disconnect()
        await flood.ended.wait()
        assert not flood.complete


async def test_a_guest_learns_that_its_response_did_not_arrive() -> None:
    """When the client goes in the middle of a response, writing ends, and the transmission's result is an error."""
    async with service(max_instances=1) as app, anyio.create_task_group() as group:
        flood = Exchange(app, "/flood").start(group)
        while len(flood.messages) < 5:
            await anyio.lowlevel.checkpoint()
        flood.disconnect()
        await flood.ended.wait()
        assert (await get(app, "/note")).body == b"107"  # connection-terminated


async def test_a_guest_learns_that_a_body_is_not_complete() -> None:
    """When the client goes in the middle of a request, the body ends, and its trailers are an error."""
    async with service(max_instances=1) as app, anyio.create_task_group() as group:
        gather = Exchange(app, "/gather", method="POST", headers=BODY).start(group)
        gather.give(b"half of")
        await wait_all_tasks_blocked()
        gather.disconnect()
        await gather.ended.wait()
        await wait_all_tasks_blocked()
        note = (await get(app, "/note")).body
        assert note in {b"107", b"1000"}  # it saw the end of the body, or its cancellation


async def test_a_client_that_goes_cancels_the_guest() -> None:
    """A handler that has not responded when its client goes is asked to stop, and its place is free again."""
    async with service(max_instances=1, max_concurrent_per_instance=2) as app, anyio.create_task_group() as group:
        wait = Exchange(app, "/wait").start(group)
        await wait_all_tasks_blocked()
        wait.disconnect()
        await wait.ended.wait()
        assert not wait.messages
        await wait_all_tasks_blocked()
        assert (await get(app, "/note")).body == b"1000"
        assert app.pool.workers[0].in_flight == 0


async def test_a_handler_that_takes_too_long_is_cancelled() -> None:
    """After the timeout the answer is 504, and the guest is asked to stop."""
    async with service(max_instances=1, request_timeout=0.05) as app:
        assert (await get(app, "/wait")).status == 504
        await wait_all_tasks_blocked()
        assert (await get(app, "/note")).body == b"1000"


async def test_a_trap_is_a_500_and_harms_nobody_else(caplog: pytest.LogCaptureFixture) -> None:
    """The request that trapped gets 500, the others of its instance too; those of another go on, and so does all."""
    async with service(max_concurrent_per_instance=2) as app, anyio.create_task_group() as group:
        elsewhere = [Exchange(app, "/gather", method="POST", headers=BODY).start(group) for _ in range(2)]
        await wait_all_tasks_blocked()
        beside = Exchange(app, "/gather", method="POST", headers=BODY).start(group)
        await wait_all_tasks_blocked()
        assert len(app.pool.workers) == 2
        trap = await get(app, "/trap")
        await beside.ended.wait()
        assert (trap.status, beside.status) == (500, 500)
        for exchange in elsewhere:
            exchange.give(b"abc", more=False)
            await exchange.ended.wait()
            assert exchange.body == b"3"
        assert (await get(app, "/hello")).status == 200
    assert "unreachable" in caplog.text


async def test_a_trap_in_the_middle_of_a_body_cuts_it_off() -> None:
    """A response that has begun cannot become another; it stays incomplete, and the next request finds an instance."""
    async with service(max_instances=1) as app:
        late = await get(app, "/late")
        assert late.status == 200
        assert not late.complete
        assert (await get(app, "/hello")).status == 200


@pytest.mark.parametrize(("path", "begun"), [("/under", b"Hello"), ("/over", b"")])
async def test_a_body_of_another_length_than_said_is_cut_off(path: str, begun: bytes) -> None:
    """A body with more or fewer bytes than its content-length says is not completed."""
    async with service() as app:
        wrong = await get(app, path)
    assert wrong.body == begun
    assert not wrong.complete


async def test_a_body_of_a_known_length_is_complete_with_its_last_byte() -> None:
    """The client need not wait for what the guest does after it; nor does it matter that the client goes then."""
    async with service(max_instances=1) as app, anyio.create_task_group() as group:
        hello = Exchange(app, "/hello").start(group)
        await hello.ended.wait()
        assert [message.get("more_body") for message in hello.messages] == [None, False]


async def test_an_error_code_becomes_a_status() -> None:
    """A handler that returns an error has the client told what kind of one."""
    async with service() as app:
        assert (await get(app, "/xcuse")).status == 403


@pytest.mark.parametrize("status", [204, 304])
async def test_some_statuses_have_no_body(status: int) -> None:
    """Responses that must not have a body have none, and no length."""
    async with service() as app:
        answer = await get(app, f"/status-{status}")
    assert (answer.status, answer.body, answer.complete) == (status, b"", True)
    assert b"content-length" not in answer.headers


async def test_a_response_without_contents_says_so() -> None:
    """Where there is no stream at all, the length is known to be 0."""
    async with service() as app:
        assert (await get(app, "/status-404")).headers == {b"content-length": b"0"}


async def test_an_interim_status_is_no_response(caplog: pytest.LogCaptureFixture) -> None:
    """A handler cannot answer with a 1xx status: that is a failure of its."""
    async with service() as app:
        assert (await get(app, "/status-103")).status == 500
    assert "not completed" in caplog.text


async def test_head_has_headers_and_no_body() -> None:
    """The answer to HEAD says how long the body would be, and has none."""
    async with service() as app:
        head = await get(app, "/hello", method="HEAD")
    assert (head.headers, head.body, head.complete) == ({b"content-length": b"14"}, b"", True)


TRAILERS: dict[str, Any] = {"extensions": {"http.response.trailers": {}}}


async def test_trailers_go_to_clients_that_want_them() -> None:
    """Trailers are announced and sent where the server can and the client asked for them."""
    async with service() as app:
        rear = await get(app, "/rear", headers=[(b"te", b"trailers")], **TRAILERS)
        assert rear.messages[0]["trailers"] is True
        assert rear.messages[-1] == {"type": "http.response.trailers", "headers": [(b"x-sum", b"content-length")]}
        for extra in ({"headers": [(b"te", b"trailers")]}, TRAILERS):
            plain = await get(app, "/rear", **extra)
            assert plain.complete
            assert plain.messages[-1]["type"] == "http.response.body"
            assert "trailers" not in plain.messages[0]


@pytest.mark.parametrize(
    ("scope", "status"),
    [
        ({"headers": [(b"x", b"1" * 200_000)]}, 431),
        ({"headers": [(b"x y", b"1")]}, 400),
        ({"method": "GE T"}, 400),
        ({"raw_path": b"/a b"}, 400),
    ],
)
async def test_what_no_guest_can_get_is_refused(scope: dict[str, Any], status: int) -> None:
    """Requests that are too long or malformed are answered without the guest."""
    async with service() as app:
        assert (await get(app, "/hello", **scope)).status == status


async def test_a_mounted_application_sees_its_own_paths() -> None:
    """The root path, where a framework mounted the application, is not part of the guest's."""
    async with service() as app:
        scope = {"root_path": "/api", "raw_path": b"/api/peak"}
        assert (await get(app, "/api/peak", **scope)).body == b"0"


async def test_a_full_queue_is_a_503() -> None:
    """When all instances are full and the queue is, too, a request is refused at once; the others are served."""
    limits = {"max_instances": 1, "max_concurrent_per_instance": 1, "max_waiting": 1}
    async with service(**limits) as app, anyio.create_task_group() as group:
        first = Exchange(app, "/gather", method="POST", headers=BODY).start(group)
        await wait_all_tasks_blocked()
        second = Exchange(app, "/hello").start(group)
        await wait_all_tasks_blocked()
        refused = await get(app, "/hello")
        assert refused.status == 503
        assert b"retry-after" in refused.headers
        first.give(b"", more=False)
        await second.ended.wait()
        assert second.status == 200


async def test_the_end_waits_for_requests_in_progress() -> None:
    """A service that ends completes what it began, and refuses what comes then."""
    async with anyio.create_task_group() as group, service() as app:
        gather = Exchange(app, "/gather", method="POST", headers=BODY).start(group)
        await wait_all_tasks_blocked()
        group.start_soon(app.aclose)
        await wait_all_tasks_blocked()
        assert (await get(app, "/hello")).status == 503
        gather.give(b"12345", more=False)
        await gather.ended.wait()
        assert gather.body == b"5"


async def test_the_end_does_not_wait_for_ever() -> None:
    """After the time of grace, what is not complete is cut off."""
    async with anyio.create_task_group() as group:
        async with service(shutdown_grace=0.01) as app:
            flood = Exchange(app, "/flood")
            wait = Exchange(app, "/wait").start(group)
            flood.hold()
            flood.start(group)
            await wait_all_tasks_blocked()
        flood.let_go()
        await flood.ended.wait()
        await wait.ended.wait()
        assert not flood.complete
        assert wait.status == 503


# Starting and ending.


class Lifespan:
    """A server's side of the lifespan protocol."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.sent: list[str] = []
        self.to_app, self.from_test = anyio.create_memory_object_stream[dict[str, str]](2)

    async def run(self) -> None:
        async def send(message: dict[str, Any]) -> None:
            self.sent.append(message["type"])

        with self.to_app, self.from_test:
            await self.app({"type": "lifespan"}, self.from_test.receive, send)


async def test_lifespan_starts_and_ends_a_service() -> None:
    """At start-up an instance is made, at shutdown all go."""
    app = asgi(Component.get())
    lifespan = Lifespan(app)
    async with anyio.create_task_group() as group:
        group.start_soon(lifespan.run)
        lifespan.to_app.send_nowait({"type": "lifespan.startup"})
        await wait_all_tasks_blocked()
        assert app.pool is not None
        assert len(app.pool.workers) == 1
        lifespan.to_app.send_nowait({"type": "lifespan.shutdown"})
    assert lifespan.sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert app.pool is None


async def test_a_component_that_is_no_service_does_not_start(caplog: pytest.LogCaptureFixture) -> None:
    """What prevents an instance from being made is said at start-up, and ends the server."""
    lifespan = Lifespan(asgi(b"(component)"))
    lifespan.to_app.send_nowait({"type": "lifespan.startup"})
    await lifespan.run()
    assert lifespan.sent == ["lifespan.startup.failed"]
    assert "no HTTP service" in caplog.text


async def test_a_service_starts_with_its_first_request() -> None:
    """Without the lifespan protocol, the first request makes it start; it can start again after its end."""
    app = asgi(SERVICE)
    for _ in range(2):
        assert app.pool is None
        assert (await get(app, "/hello")).status == 200
        await app.aclose()
    assert app.pool is None


async def test_requests_that_come_together_start_one_service() -> None:
    """The first requests may come at the same time: one of them makes the service start, and all are answered."""
    app = asgi(SERVICE)
    async with anyio.create_task_group() as group:
        exchanges = [Exchange(app, "/hello").start(group) for _ in range(5)]
    assert [exchange.status for exchange in exchanges] == [200] * 5
    assert len(app.pool.workers) == 1
    await app.aclose()


async def test_an_error_of_the_host_reaches_the_server() -> None:
    """A bug in a host function is not the guest's fault: the server gets it with its traceback."""
    component = Component.get()
    linker = weft.Linker(component.engine, allow_shadowing=True)
    wasi.add_to_linker(linker)

    def broken(_store: weft.Store, _request: object) -> None:
        raise ZeroDivisionError("a bug")

    linker.instance("wasi:http/types@0.3.0").func_wrap("[method]request.get-path-with-query", broken)
    async with service(linker=linker) as app:
        assert isinstance((await get(app, "/hello")).error, ZeroDivisionError)


async def test_each_instance_has_its_own_context() -> None:
    """The context is made anew for each instance."""
    made: list[WasiCtx] = []

    def ctx() -> WasiCtx:
        made.append(WasiCtx())
        return made[-1]

    async with service(ctx=ctx, max_requests_per_instance=1) as app:
        for _ in range(3):
            await get(app, "/hello")
    assert len(made) >= 3


async def test_other_protocols_are_refused() -> None:
    """A web socket is closed before it is open; what ASGI does not know is an error."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    app = asgi(Component.get())
    await app({"type": "websocket"}, receive, send)
    assert sent == [{"type": "websocket.close"}]
    with pytest.raises(ValueError, match="gopher"):
        await app({"type": "gopher"}, receive, send)


@pytest.fixture(autouse=True)
def _quiet_logs() -> Iterator[None]:
    """Keep what services log out of the way; `caplog` has it."""
    logger = logging.getLogger("weft.wasi.http")
    logger.propagate, before = True, logger.propagate
    yield
    logger.propagate = before


def test_a_component_may_be_bytes_or_a_path() -> None:
    """All forms of a component are taken, and the path of one."""
    for form in (SERVICE, str(SERVICE), SERVICE.read_bytes(), Component.get()):
        assert asgi(form).pool is None
