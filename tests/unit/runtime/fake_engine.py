"""An engine whose guests are Python generators: `test_fake_engine.py` holds that it behaves as the real one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from weft.engine import BLOCKED
from weft.errors import InternalError
from weft.runtime.instance import ComponentInstance, RootInstance
from weft.runtime.store import StoreState
from weft.runtime.task import Task

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

Builtin = "Callable[[], object]"
"""What a fake guest yields: a built-in with its arguments; it is sent the result."""


class FakeFiber:
    """A generator that is suspended where a built-in blocks."""

    def __init__(self, core: FakeCore, body: Generator[Any, Any, Any]) -> None:
        self.core = core
        self.body = body
        self.results: tuple[object, ...] = ()
        self.yielded = False
        self.done = False
        self._blocked = False

    def resume(self) -> bool:
        assert not self.done, "a finished fiber was resumed"
        try:
            return self._run()
        except BaseException:
            self.done = True
            raise

    def _run(self) -> bool:
        value: object = None
        if self._blocked:
            value = self.core.on_finish()
            if value is BLOCKED:
                return False
            self._blocked = False
        while True:
            try:
                builtin = self.body.send(value)
            except StopIteration as stop:
                self.results = () if stop.value is None else (stop.value,)
                self.done = True
                return True
            value = builtin()
            if value is BLOCKED:
                self._blocked = True
                return False

    def cancel(self) -> None:
        self.done = True
        self.body.close()


class FakeFunc:
    """A core function: calling it makes a generator."""

    def __init__(self, core: FakeCore, body: Callable[..., Generator[Any, Any, Any]]) -> None:
        self.core = core
        self.body = body

    def call(self, *flat: object) -> object:
        fiber = FakeFiber(self.core, self.body(*flat))
        if not fiber.resume():
            raise InternalError("a direct call blocked")
        return fiber.results[0] if fiber.results else None


class FakeCore:
    """The part of a core store that the runtime uses."""

    def __init__(self) -> None:
        self.on_finish: Callable[[], object] = lambda: None
        self.fibers: list[FakeFiber] = []

    def fiber(self, func: FakeFunc, *flat: object) -> FakeFiber:
        fiber = FakeFiber(self, func.body(*flat))
        self.fibers.append(fiber)
        return fiber

    def live(self) -> int:
        return sum(not fiber.done for fiber in self.fibers)


class FakeLifted:
    """A lifted function, as far as a task looks at it."""

    def __init__(self, name: str, *, is_async: bool = True, needs_exclusive: bool = False) -> None:
        self.name = name
        self.is_async = is_async
        self.needs_exclusive = needs_exclusive


class FakeCaller:
    """A caller that writes down what it learns."""

    def __init__(self) -> None:
        self.log: list[object] = []

    def on_start(self) -> tuple[object, ...]:
        self.log.append("start")
        return ()

    def on_resolve(self, result: object) -> None:
        self.log.append(result)

    def on_fail(self, error: BaseException) -> None:
        self.log.append(error)


class FakeGuest:
    """A store with one root and one instance, and calls of generator functions in it."""

    def __init__(self, seed: int | None = None, store: StoreState | None = None) -> None:
        self.store = StoreState(FakeCore(), seed=seed) if store is None else store  # type: ignore[arg-type]
        self.core: Any = self.store.core
        self.root = RootInstance(self.store)
        self.inst = ComponentInstance(self.root)

    def task(self, name: str = "f", *, exclusive: bool = False, is_async: bool = True) -> tuple[Task, FakeCaller]:
        caller = FakeCaller()
        return Task(FakeLifted(name, is_async=is_async, needs_exclusive=exclusive), self.inst, caller), caller

    def call(
        self,
        body: Callable[[], Generator[Any, Any, Any]],
        name: str = "f",
        *,
        exclusive: bool = False,
        is_async: bool = True,
    ) -> tuple[Task, FakeCaller]:
        """Start a call; the value that `body` returns is its result."""
        task, caller = self.task(name, exclusive=exclusive, is_async=is_async)

        def after(results: tuple[object, ...]) -> None:
            task.return_(results[0] if results else None)
            task.exit_implicit_thread()

        def run() -> None:
            task.start()
            task.implicit_thread.call_core(FakeFunc(self.core, body), (), after)  # type: ignore[arg-type]

        task.begin(run)
        return task, caller

    def thread(self) -> Any:
        return self.store.running_thread()

    def wait_until(self, ready: Callable[[], bool], result: object = None) -> Callable[[], object]:
        """Return a built-in that blocks the running thread until `ready`."""
        return lambda: self.thread().wait_until(ready, lambda _cancelled: result)

    def yield_(self) -> object:
        return self.thread().yield_(int, cancellable=False)

    def run(self) -> int:
        """Run everything that is ready; return how many pieces of work that was."""
        steps = 0
        while self.store.run_one():
            steps += 1
            assert steps < 1_000_000, "this goes on for ever"
        return steps

    def assert_empty(self) -> None:
        """Nothing is left: no thread, no task, no handle, no stack."""
        assert not len(self.inst.threads)
        assert not len(self.inst.handles)
        assert not self.inst.tasks
        assert not self.inst.entering
        assert self.inst.exclusive_thread is None
        assert self.core.live() == 0
