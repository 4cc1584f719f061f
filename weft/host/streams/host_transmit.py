"""What the host's side of every stream and future has in common: one operation at a time, polled until it ends.

Subclasses say how to poll; this class knows when: at the start of the operation, when the waker was woken, and when
the guest wants the operation back.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from weft.errors import StoreError
from weft.host.streams.wakers import Waker

if TYPE_CHECKING:
    from collections.abc import Callable

    from weft.host.streams.transmits import PayloadType, TransmitStore
    from weft.runtime.buffer import Buffer
    from weft.runtime.instance import ComponentInstance
    from weft.runtime.shared import Copier, CopyResult

PartyT = TypeVar("PartyT")


class HostCopier(Protocol):
    """A reader or writer that is the host itself: it can take an exception."""

    def on_copy(self) -> None:
        """As for every `Copier`."""

    def on_copy_done(self, result: CopyResult) -> None:
        """As for every `Copier`."""

    def on_copy_failed(self, error: BaseException) -> None:
        """The copy ended with an exception."""


class HostTransmit(Generic[PartyT]):
    """The host's side of a stream or future.

    Invariant: `_copier` and `_buffer` are set exactly while an operation is in progress.
    Invariant: `_party` is None exactly after the end, and is closed exactly once; never while it is being polled.
    Invariant: `_counted` says whether the store counts the operation as something that can make guests go on.

    Attributes:
        payload: the element type.
    """

    __slots__ = (
        "__weakref__",
        "_buffer",
        "_closing",
        "_copier",
        "_counted",
        "_finish",
        "_holds",
        "_inst",
        "_party",
        "_polling",
        "_store",
        "_waker",
        "payload",
    )

    def __init__(self, store: TransmitStore, party: PartyT, payload: PayloadType) -> None:
        self._store = store
        self.payload = payload
        self._party: PartyT | None = party
        self._holds: bool = getattr(party, "holds_operation", False)
        self._waker = Waker(store, self._poll_again)
        self._inst: ComponentInstance | None = None
        self._buffer: Buffer | None = None
        self._copier: Copier | None = None
        self._finish = False
        self._polling = False
        self._counted = False
        self._closing: PartyT | None = None
        opened = getattr(party, "opened", None)
        if opened is not None:
            opened(self._waker, payload)
        store.open_transmits.add(self)

    take_bytes: Callable[[int], bytes | memoryview | None] | None = None

    # What subclasses fill in.

    def _poll(self, party: PartyT, finish: bool) -> CopyResult | None:
        """Poll and check the answer; None while the operation goes on."""
        raise NotImplementedError

    def _operation_over(self) -> None:
        """Forget what belongs to the operation."""

    def _ended(self, error: BaseException | None) -> None:
        """Learn that the party is gone: no operation will be served any more."""

    # One operation.

    @property
    def waiting(self) -> bool:
        """Whether an operation waits for the producer or consumer."""
        return self._copier is not None

    def _start(self, inst: ComponentInstance | None, buffer: Buffer, copier: Copier) -> None:
        self._inst, self._buffer, self._copier = inst, buffer, copier
        self._advance()

    def _cancel(self) -> None:
        if self._copier is not None:
            self._finish = True
            if not self._polling:
                self._advance()

    def _poll_again(self) -> None:
        """Serve a wake-up: no guest code is on the stack, so an error goes to the instance that waits."""
        inst, copier = self._inst, self._copier
        if copier is None or self._polling:
            return
        try:
            self._advance()
        except Exception as error:
            if inst is None:
                fail(copier, error)
            else:
                inst.root.poison(error)
                raise

    def _advance(self) -> None:
        party = self._party
        assert party is not None
        self._polling = True
        try:
            finish = self._finish
            result = self._poll(party, finish)
            if result is None and self._finish and not finish and self._copier is not None:
                result = self._poll(party, True)
        except BaseException as error:
            self._end(error)
            self._abandon()
            raise
        finally:
            self._polling = False
            if self._closing is not None:
                self._close_party()
        copier = self._copier
        if result is None:
            if copier is not None and not self._counted:
                self._counted = True
                self._store.pending_host_tasks += 1
        elif copier is not None:
            self._forget()
            copier.on_copy_done(result)

    def _forget(self) -> None:
        if self._counted:
            self._counted = False
            self._store.pending_host_tasks -= 1
        self._inst = self._buffer = self._copier = None
        self._finish = False
        self._operation_over()

    def _abandon(self) -> None:
        """Forget the operation in progress: its guest is gone, or has taken its buffer back."""
        if self._copier is not None:
            with suppress(BufferError):  # a view that was kept harms nobody any more
                self._forget()

    # The end.

    def _end(self, error: BaseException | None = None) -> None:
        party, self._party = self._party, None
        if party is None:
            return
        self._store.open_transmits.discard(self)
        self._closing = party
        if not self._polling:
            self._close_party()
        self._ended(error)

    def _close_party(self) -> None:
        party, self._closing = self._closing, None
        close = getattr(party, "close", None)
        if close is None:
            return
        try:
            close()
        except Exception as error:  # noqa: BLE001 - it must not stop whoever ended this; the store's loop raises it
            self._store.state.scheduler.push_job(_raiser(error))

    def _release_party(self) -> PartyT | None:
        """Give the party away without closing it."""
        party, self._party = self._party, None
        self._store.open_transmits.discard(self)
        return party

    def close(self) -> None:
        """End everything: the store is being closed."""
        inst, copier = self._inst, self._copier
        error = StoreError("the store was closed")
        self._abandon()
        self._end(error)
        if copier is not None and inst is None:
            fail(copier, error)


def fail(copier: Any, error: BaseException) -> None:
    """Tell a reader or writer that is the host itself."""
    copier.on_copy_failed(error)


def _raiser(error: BaseException) -> Any:
    def job() -> None:
        raise error

    return job


__all__ = ["HostCopier", "HostTransmit", "fail"]
