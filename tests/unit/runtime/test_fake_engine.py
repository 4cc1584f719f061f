"""The fake engine of these tests behaves as the real one, for all that the runtime asks of an engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from fake_engine import FakeCore, FakeFunc

from weft.engine import BLOCKED, CoreEngine, CoreSig, CoreStore, EngineConfig, wat2wasm
from weft.errors import InternalError, StoreError, Trap, TrapCode

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

WAT = """(module
  (import "" "a" (func $a (result i32)))
  (func (export "f") (result i32) (i32.add (i32.mul (call $a) (i32.const 10)) (call $a))))"""

Make = "Callable[[Callable[[], object]], tuple[Any, Any]]"


@pytest.fixture(params=["fake", "real"])
def make(request: pytest.FixtureRequest) -> Iterator[Callable[[Callable[[], object]], tuple[Any, Any]]]:
    """Return what makes a store and a guest that calls a built-in twice, and returns both digits."""
    stores = []

    def fake(builtin: Callable[[], object]) -> tuple[Any, Any]:
        core = FakeCore()

        def body() -> Generator[Any, Any, int]:
            first = yield builtin
            second = yield builtin
            return int(first) * 10 + int(second)

        return core, FakeFunc(core, body)

    def real(builtin: Callable[[], object]) -> tuple[Any, Any]:
        engine = CoreEngine(EngineConfig())
        store = CoreStore(engine)
        stores.append(store)
        func = store.blocking_func(CoreSig((), ("i32",)), builtin, "a")
        return store, store.instantiate(engine.compile(wat2wasm(WAT)), [func]).get("f")

    yield fake if request.param == "fake" else real
    for store in stores:
        store.close()


def test_no_blocking(make: Any) -> None:
    """A guest whose built-ins return at once finishes in one go."""
    store, func = make(lambda: 3)
    fiber = store.fiber(func)
    assert fiber.resume() is True
    assert fiber.results == (33,)
    assert func.call() == 33


def test_suspends_and_finishes(make: Any) -> None:
    """BLOCKED suspends; `on_finish` gives the result when the fiber is resumed, or suspends again."""
    answers: list[object] = [BLOCKED, 4]
    finish: list[object] = [BLOCKED, BLOCKED, 7]
    store, func = make(lambda: answers.pop(0))
    store.on_finish = lambda: finish.pop(0)
    fiber = store.fiber(func)
    assert [fiber.resume() for _ in range(3)] == [False] * 3
    assert not fiber.yielded
    assert fiber.resume() is True
    assert fiber.results == (74,)
    assert fiber.done


def test_many_in_any_order(make: Any) -> None:
    """Suspended fibers of one store are resumed in any order, each with what `on_finish` says then."""
    current: list[int] = []
    store, func = make(lambda: BLOCKED)
    store.on_finish = lambda: current[-1]
    fibers = [store.fiber(func) for _ in range(5)]
    for fiber in fibers:
        assert not fiber.resume()
    for index in (3, 0, 4, 1, 2):
        current.append(index)
        assert not fibers[index].resume()
    for index in (2, 4, 0, 3, 1):
        current.append(index)
        assert fibers[index].resume()
        assert fibers[index].results == (11 * index,)


def test_exceptions_surface(make: Any) -> None:
    """What a built-in raises comes out of `resume`, the same object, and the fiber is done."""
    trap = Trap(TrapCode.UNKNOWN_HANDLE)

    def fail() -> object:
        raise trap

    store, func = make(fail)
    fiber = store.fiber(func)
    with pytest.raises(Trap) as caught:
        fiber.resume()
    assert caught.value is trap
    assert fiber.done


def test_cancel(make: Any) -> None:
    """A cancelled fiber never runs again; the others are none the worse."""
    store, func = make(lambda: BLOCKED)
    store.on_finish = lambda: 1
    first, second = store.fiber(func), store.fiber(func)
    assert not first.resume()
    assert not second.resume()
    first.cancel()
    first.cancel()
    assert first.done
    with pytest.raises((StoreError, AssertionError)):
        first.resume()
    assert not second.resume()
    assert second.resume()
    assert second.results == (11,)


def test_direct_call_must_not_block(make: Any) -> None:
    """A direct call has no stack that could be suspended."""
    _store, func = make(lambda: BLOCKED)
    with pytest.raises(InternalError):
        func.call()
