"""Guests that make requests, send them, give them up or trap; all through the canonical ABI."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

import pytest
from anyio import wait_all_tasks_blocked
from http_guest import instantiate
from http_server import ENGINE

from weft import Store, Trap, TrapCode
from weft.wasi import WasiCtx
from weft.wasi.http import Http, HttpError, Response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from http_guest import Guest

    from weft import Accessor
    from weft.wasi.http import OutgoingBody, Request

pytestmark = pytest.mark.anyio

BLOCKED = 0xFFFFFFFF
COMPLETED, DROPPED = 0, 1
TRAPPED = ("internal-error", "the guest trapped before it was done")


async def run(
    main: Callable[[Guest], Awaitable[None]], use: Callable[[OutgoingBody], Awaitable[Any]] | None = None
) -> list[Any]:
    """Run `main` with a guest whose requests go to `use`, beside the call; return what came of each."""
    found: list[Any] = []

    async def keep(_accessor: Accessor, body: OutgoingBody) -> None:
        assert use is not None
        try:
            found.append(await use(body))
        except HttpError as error:
            body.fail(error.code)
            found.append(error.code)

    async def take(accessor: Accessor, request: Request) -> Response:
        accessor.spawn(keep, request.take_body())
        raise HttpError("loop-detected")

    ctx = WasiCtx(http=Http(send=take))
    async with Store(ENGINE, data=ctx) as store:
        guest = await instantiate(store)
        await store.run_concurrent(lambda _accessor: main(guest))
    assert ctx.handles.open == 0
    gc.collect()
    assert ctx.held.held == 0
    return found


async def everything(body: OutgoingBody) -> bytes:
    """Read all that a guest sends."""
    contents = b""
    while (chunk := await body.read()) is not None:
        contents += chunk
    assert await body.trailers() is None
    body.succeed()
    return contents


async def test_a_guest_sends_and_hears_of_it() -> None:
    """What the guest writes is read, and when all was, its transmission has succeeded."""

    async def main(guest: Guest) -> None:
        await guest.call("make")
        assert await guest.call("await") == BLOCKED
        assert await guest.call("send") & 0xF in {1, 2}  # the subtask has started, or returned
        await wait_all_tasks_blocked()
        assert await guest.call("write", 1000) == 1000 << 4  # somebody was reading
        assert await guest.call("end") in {BLOCKED, COMPLETED}
        await wait_all_tasks_blocked()
        assert await guest.call("outcome") == 0

    assert await run(main, everything) == [bytes(1000)]


async def test_a_guest_that_traps_while_it_is_read_is_an_error() -> None:
    """Who reads the body of a guest that trapped gets an error, and no end."""

    async def main(guest: Guest) -> None:
        await guest.call("make")
        await guest.call("send")
        await guest.call("write", 1000)
        await wait_all_tasks_blocked()
        with pytest.raises(Trap):
            await guest.call("trap")
        await wait_all_tasks_blocked()

    assert await run(main, everything) == [TRAPPED]


async def test_a_guest_that_traps_before_its_trailers_is_an_error() -> None:
    """Contents that have ended do not make a message complete: the trailers do."""

    async def trailers_first(body: OutgoingBody) -> Any:
        return await body.trailers()

    async def main(guest: Guest) -> None:
        await guest.call("make")
        await guest.call("send")
        await wait_all_tasks_blocked()
        with pytest.raises(Trap):
            await guest.call("trap")
        await wait_all_tasks_blocked()

    assert await run(main, trailers_first) == [TRAPPED]


async def test_an_error_in_place_of_trailers_is_that_error() -> None:
    """A guest says with its trailers that the message is not to be completed."""

    async def code(body: OutgoingBody) -> Any:
        with pytest.raises(HttpError) as caught:
            await body.trailers()
        body.fail(caught.value.code)
        return caught.value.code.case

    async def main(guest: Guest) -> None:
        await guest.call("make")
        await guest.call("await")
        await guest.call("send")
        await guest.call("fail")
        await wait_all_tasks_blocked()
        assert await guest.call("outcome") == 1

    assert await run(main, code) == ["loop-detected"]


async def test_a_request_that_is_dropped_was_not_sent() -> None:
    """A guest that drops its request writes to nobody, and is told that it was not sent."""

    async def main(guest: Guest) -> None:
        await guest.call("make")
        assert await guest.call("await") == BLOCKED
        assert await guest.call("write", 10) == BLOCKED
        await guest.call("drop")
        await wait_all_tasks_blocked()
        assert await guest.call("outcome") == 1

    await run(main)


async def test_who_takes_no_more_ends_the_stream() -> None:
    """When a message breaks off on the way, the guest's stream is dropped, and its transmission an error."""

    async def give_up(body: OutgoingBody) -> None:
        assert await body.read(10) == bytes(10)
        body.fail("connection-terminated")

    async def main(guest: Guest) -> None:
        await guest.call("make")
        await guest.call("await")
        await guest.call("send")
        await guest.call("write", 10)
        await wait_all_tasks_blocked()
        assert await guest.call("outcome") == 1

    await run(main, give_up)


@pytest.mark.parametrize("calls", [["make"], ["make", "await"], ["make", "write"], ["make", "send"], []])
async def test_a_guest_that_traps_leaves_nothing(calls: list[str]) -> None:
    """Whatever a guest had when it trapped, or its store was closed, is gone."""

    async def never(body: OutgoingBody) -> None:
        await everything(body)

    for trap in (True, False):

        async def main(guest: Guest, trap: bool = trap) -> None:
            for name in calls:
                await guest.call(name, *([10] if name == "write" else []))
            await wait_all_tasks_blocked()
            if trap:
                with pytest.raises(Trap):
                    await guest.call("trap")

        await run(main, never)


async def test_a_request_is_consumed_once() -> None:
    """A request whose body was taken is gone: its handle is no more."""

    async def main(guest: Guest) -> None:
        await guest.call("make")
        with pytest.raises(Trap) as caught:
            await guest.call("consume-twice")
        assert caught.value.code in {TrapCode.UNKNOWN_HANDLE, TrapCode.HANDLE_TYPE_MISMATCH}

    await run(main)


async def test_who_sends_a_request_must_be_allowed_to() -> None:
    """The context of the guest that sends counts, and not that of the one that made the request."""
    sent: list[WasiCtx] = []

    async def keep(_accessor: Accessor, request: Request) -> Response:
        sent.append(request.ctx)
        request.on_drop()
        raise HttpError("loop-detected")

    contexts = {"now": WasiCtx()}
    async with Store(ENGINE, data=contexts) as store:
        guest = await instantiate(store, lambda data: data["now"])

        async def main(_accessor: Accessor) -> None:
            await guest.call("make")
            contexts["now"] = WasiCtx(http=Http(send=keep))
            await guest.call("send")
            await wait_all_tasks_blocked()
            assert sent == [contexts["now"]]

        await store.run_concurrent(main)
