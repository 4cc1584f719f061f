"""Threads whose stacks are too small for guests get an error, not a crash."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from weft.engine import CoreEngine, CoreStore, EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def small_stacks() -> Iterator[None]:
    """Give new threads stacks of 512 KiB for the time of a test."""
    before = threading.stack_size(512 << 10)
    yield
    threading.stack_size(before)


@pytest.mark.usefixtures("small_stacks")
def test_a_store_in_a_thread_with_a_small_stack_is_refused() -> None:
    """A guest's recursion could run over the end of such a stack, so no store is made there."""
    engine = CoreEngine()
    raised: list[EngineError] = []

    def make() -> None:
        try:
            CoreStore(engine).close()
        except EngineError as error:
            raised.append(error)

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    assert len(raised) == 1
    CoreStore(engine).close()
