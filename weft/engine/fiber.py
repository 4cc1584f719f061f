"""Fibers: guest calls on stacks of their own, of which any number may be suspended in one store.

Wasmtime's C API documents one live call future a store; several work because each fiber saves and restores all
store-wide state when it is polled, as Wasmtime's own component-model async relies on. Everything that leans on this is
in this module, and `tests/integration/test_fiber_stress.py` holds it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol, final

from weft.engine import _lib
from weft.engine.callback import ensure_headroom
from weft.errors import StoreError

if TYPE_CHECKING:
    from weft.engine.store import CoreStore

_READY: Final = 0
_SUSPENDED: Final = 1
_RUNNING: Final = 2
_DONE: Final = 3
_NAMES: Final = ("ready", "suspended", "running", "finished")

_poll = _lib.future_poll
_delete = _lib.future_delete


class Launchable(Protocol):
    """What a fiber can run: a core function, or an instantiation."""

    @property
    def store(self) -> CoreStore:
        """The store it belongs to."""
        ...

    @property
    def pool(self) -> list[Any]:
        """Frames that no fiber uses."""
        ...

    def frame(self) -> Any:
        """Return a frame for one fiber: a used one, or a new one."""
        ...

    def launch(self, frame: Any, flat: tuple[Any, ...], /) -> int:
        """Start on a frame, and return the call future."""
        ...

    def collect(self, frame: Any, /) -> tuple[Any, ...]:
        """Return the results from a frame that goes back to the pool, or raise what it ended with."""
        ...


@final
class Fiber:
    """One call of a core function that may suspend; made by `CoreStore.fiber`, and run by `resume`.

    An instantiation, whose start function may suspend, is run in the same way.

    Invariant: ``_future`` is not None exactly in the states suspended and running, and a suspended fiber is in
    ``store.suspended`` under it.

    Attributes:
        results: the flat results, once `resume` returned True.
        yielded: after `resume` returned False: whether it ran out of its epoch or fuel slice, and is not blocked.
        done: whether it finished, trapped or was cancelled.
        parked: 1 when a host function asked to block, 2 when the stack is suspended for it; kept by the trampoline.
    """

    __slots__ = ("_direct", "_flat", "_frame", "_func", "_future", "_state", "parked", "results", "yielded")

    def __init__(self, func: Launchable, flat: tuple[Any, ...], *, direct: bool = False) -> None:
        self._func = func
        self._flat = flat
        self._state = _READY
        self._future: int | None = None
        self._frame: Any = None
        self._direct = direct
        self.parked = 0
        self.results: tuple[Any, ...] = ()
        self.yielded = False

    @property
    def done(self) -> bool:
        """Whether it finished, trapped or was cancelled."""
        return self._state == _DONE

    def resume(self) -> bool:
        """Run until the call finishes (True), or suspends or yields (False).

        Raises:
            Trap: the guest trapped; the fiber is done.
            StoreError: it is running or done, or its store is closed.
            BaseException: what a host callback raised; the fiber is done.
        """
        func, state = self._func, self._state
        store = func.store
        ensure_headroom()
        if state == _SUSPENDED:
            future = self._future or 0
        elif state == _READY:
            frame = self._frame = func.frame()
            future = func.launch(frame, self._flat)
        else:
            msg = f"cannot resume a fiber that is {_NAMES[state]}"
            raise StoreError(msg)
        running = store.running
        depth = len(running)
        self.parked = 0
        self._state = _RUNNING
        self._future = future
        try:
            # A direct call must not block: its place says so.
            running.append(None if self._direct else self)
            store.resumed[0] = 1
            finished = _poll(future)
            # A slice that ends between the wish to block and the suspension is no news to anyone. And without slices
            # it is Wasmtime's collector that yields; nothing else of the store may run before it is done.
            while not finished and self.parked < 2 and (self.parked or not store.preemptible):
                finished = _poll(future)
        except BaseException:
            # Only a signal handler can raise here; whether the poll happened is unknown, so the call is given up.
            del running[depth:]
            self._discard()
            raise
        # From here to the new state there is no call, hence no moment for a signal handler.
        del running[depth:]
        if not finished:
            if state == _READY:
                store.suspended[future] = self
            self._state = _SUSPENDED
            self.yielded = self.parked == 0
            if store.pending is not None:
                # A signal handler raised while the stack was being suspended; the fiber is whole.
                pending, store.pending = store.pending, None
                raise pending
            return False
        self._state = _DONE
        self._future = None
        if state == _SUSPENDED:
            del store.suspended[future]
        _delete(future)
        self.results = func.collect(self._frame)
        return True

    def cancel(self) -> None:
        """Unwind this stack without running any more of its guest code. Idempotent.

        Raises:
            StoreError: the fiber is running.
        """
        if self._state == _RUNNING:
            msg = "cannot cancel a fiber that is running"
            raise StoreError(msg)
        if self._state == _SUSPENDED:
            self._discard()
            self._func.pool.append(self._frame)
        self._state = _DONE

    def _discard(self) -> None:
        future, self._future = self._future, None
        self._state = _DONE
        if future is not None:
            self._func.store.suspended.pop(future, None)
            _delete(future)

    def __repr__(self) -> str:
        return f"<Fiber {_NAMES[self._state]}>"
