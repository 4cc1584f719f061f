"""The parts of an ASGI application that need no guest: bodies that are received, watching, statuses."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from anyio import wait_all_tasks_blocked

from weft import PENDING, Ok, Produced, StreamResult
from weft.wasi.http.asgi_body import ReceivedBody
from weft.wasi.http.status import status_of
from weft.wasi.http.watch import Watch

pytestmark = pytest.mark.anyio


class Waker:
    """Counts."""

    woken = 0

    def wake(self) -> None:
        self.woken += 1


class Destination:
    """Takes anything."""

    zero_length = False

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> None:
        self.data += data


class Client:
    """A body that a guest reads, and the server behind it."""

    def __init__(self, *, is_empty: bool = False) -> None:
        self.asked = 0
        self.wanted = 0
        self.gone = False
        self.waker: Any = Waker()
        self.send, self._messages = anyio.create_memory_object_stream[dict[str, Any]](10)
        self.body = ReceivedBody(
            self._receive, is_empty=is_empty, on_wanted=self._want, on_disconnect=lambda: setattr(self, "gone", True)
        )

    async def _receive(self) -> dict[str, Any]:
        self.asked += 1
        return await self._messages.receive()

    def _want(self) -> None:
        self.wanted += 1

    def give(self, body: bytes, *, more: bool = True) -> None:
        self.send.send_nowait({"type": "http.request", "body": body, "more_body": more})

    def read(self, *, finish: bool = False) -> object:
        destination: Any = Destination()
        answer = self.body.poll_produce(self.waker, destination, finish)
        return (answer, destination.data) if destination.data else answer

    def trailers(self) -> object:
        return self.body.trailers.poll_produce(self.waker, finish=False)

    async def aclose(self) -> None:
        self.send.close()
        self._messages.close()


async def test_nothing_is_received_before_it_is_wanted() -> None:
    """The server is asked when the guest asks, once; what has come wakes the guest."""
    client = Client()
    assert client.wanted == 0
    assert client.read() is PENDING
    assert client.read() is PENDING
    assert client.wanted == 1
    async with anyio.create_task_group() as group:
        group.start_soon(client.body.run)
        client.give(b"one")
        client.give(b"two")
        await wait_all_tasks_blocked()
        assert (client.asked, client.waker.woken) == (1, 1)
        assert client.read() == (StreamResult.COMPLETED, b"one")
        await wait_all_tasks_blocked()
        assert client.read() == (StreamResult.COMPLETED, b"two")
        client.give(b"three", more=False)
        await wait_all_tasks_blocked()
        assert client.read() == (StreamResult.DROPPED, b"three")
        assert client.trailers() == Produced(Ok(None))
        group.cancel_scope.cancel()
    await client.aclose()


async def test_a_read_that_is_to_finish_finds_nothing() -> None:
    """A guest that takes its read back gets it when nothing is there."""
    client = Client()
    assert client.read(finish=True) is StreamResult.CANCELLED
    await client.aclose()


async def test_a_client_that_goes_cuts_the_body_off() -> None:
    """The body ends, its trailers are an error, and that the client went is said."""
    client = Client()
    async with anyio.create_task_group() as group:
        group.start_soon(client.body.run)
        assert client.read() is PENDING
        client.send.send_nowait({"type": "http.disconnect"})
    assert client.gone
    assert client.read() is StreamResult.DROPPED
    settled: Any = client.trailers()
    assert settled.value.value == "connection-terminated"
    await client.aclose()


async def test_a_body_nobody_wants_goes_nowhere() -> None:
    """A guest that drops the body has the rest received and thrown away, so that the client's going is noticed."""
    client = Client()
    client.body.watch()
    assert client.wanted == 0
    client.body.close()
    assert client.wanted == 1
    async with anyio.create_task_group() as group:
        group.start_soon(client.body.run)
        client.give(b"more")
        client.give(b"and more")
        client.send.send_nowait({"type": "http.disconnect"})
    assert client.gone
    assert client.trailers() == Produced(Ok(None))
    await client.aclose()


async def test_a_request_without_a_body_is_watched_at_once() -> None:
    """Where no body can come, there is nothing to take from the client: all that comes is that it goes."""
    client = Client(is_empty=True)
    assert client.trailers() == Produced(Ok(None))
    client.body.watch()
    assert client.wanted == 1
    await client.aclose()


async def test_the_end_of_an_exchange_ends_the_body() -> None:
    """A guest that reads on after its response was sent finds the body cut off, and nothing is received for it."""
    client = Client()
    client.body.finish()
    assert client.read() is StreamResult.DROPPED
    assert client.wanted == 0
    await client.aclose()


class Slow:
    """Something that takes long."""

    def __init__(self) -> None:
        self.watched = anyio.Event()

    def watch(self) -> None:
        self.watched.set()


async def test_what_takes_long_is_watched_and_what_is_over_is_not() -> None:
    """Only what is not over after the time is told to prepare."""
    slow, quick = Slow(), Slow()
    async with anyio.create_task_group() as group:
        watch = Watch(group, 0.001)
        watch.add(slow)
        watch.add(quick)
        watch.discard(quick)
        await slow.watched.wait()
        watch.discard(slow)
    assert not quick.watched.is_set()


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("HTTP-request-denied", 403),
        (("HTTP-request-body-size", 10), 413),
        ("connection-timeout", 504),
        ("connection-refused", 502),
        (("internal-error", "out of luck"), 500),
    ],
)
def test_an_error_code_has_a_status(code: object, status: int) -> None:
    """What the guest complains of is 4xx, what its peer did is 502, or 504 when that took too long."""
    assert status_of(code) == status
