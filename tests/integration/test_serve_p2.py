"""A handler of WASI 0.2 as an ASGI application."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest
from anyio import wait_all_tasks_blocked
from asgi_client import Exchange, get, service

pytestmark = pytest.mark.anyio

PROXY = Path(__file__).with_name("http_proxy.wat")


async def test_each_request_has_an_instance_of_its_own() -> None:
    """Handlers of WASI 0.2 do not expect a second request, so they never see one."""
    async with service(PROXY) as app:
        for _ in range(3):
            hello = await get(app, "/hello")
            assert (hello.status, hello.body, hello.complete) == (200, b"0 before\n", True)


async def test_a_trap_is_a_500(caplog: pytest.LogCaptureFixture) -> None:
    """A handler that traps before it answers has its client told."""
    async with service(PROXY) as app:
        assert (await get(app, "/trap")).status == 500
        assert (await get(app, "/hello")).status == 200
    assert "unreachable" in caplog.text


async def test_a_trap_in_the_middle_of_a_body_cuts_it_off() -> None:
    """What a handler wrote before it trapped is all there is, and it is not complete."""
    async with service(PROXY) as app:
        late = await get(app, "/late")
        assert (late.status, late.complete) == (200, False)
        assert (await get(app, "/hello")).status == 200


async def test_no_response_is_a_500() -> None:
    """A handler that drops where the response would go has not answered."""
    async with service(PROXY) as app:
        assert (await get(app, "/nil")).status == 500


async def test_a_slow_client_holds_the_guest_back() -> None:
    """What a handler waits for while it writes is its client."""
    async with service(PROXY) as app, anyio.create_task_group() as group:
        hello = Exchange(app, "/hello")
        hello.hold()
        hello.start(group)
        await wait_all_tasks_blocked()
        assert not hello.messages
        hello.let_go()
        await hello.ended.wait()
        assert hello.body == b"0 before\n"
