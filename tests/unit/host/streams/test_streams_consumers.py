"""The rules of `poll_consume`, K1 to K13, and those of futures."""

from __future__ import annotations

from typing import Any

import pytest
from stream_fakes import CANCELLED, COMPLETED, DROPPED, FakeStore, GuestReader, GuestWriter, Script, took, wrote

from weft.canon.types import Prim
from weft.errors import ConsumerError, LowerError
from weft.host.streams.pipes import make_pipe
from weft.host.streams.transmits import PENDING, StreamResult


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


def pipe(store: FakeStore, readable: Any, consumer: Any, *, is_future: bool = False) -> Any:
    return make_pipe(store, readable, consumer, lambda: readable, is_future=is_future)


def test_k1_each_write_asks_the_consumer(store: FakeStore) -> None:
    """K1: a write polls the consumer once."""
    script = Script(took(None), took(None))
    guest = GuestWriter().into(store, script)
    assert script.polls == 0
    guest.write(b"ab")
    guest.write(b"cd")
    assert script.polls == 2


def test_k1_a_pending_write_is_taken_at_once(store: FakeStore) -> None:
    """K1: a write that was there before the consumer goes to it straight away."""
    into: list[Any] = []
    guest = GuestWriter()
    assert guest.write(b"ab") is None
    guest.into(store, Script(took(None, into=into)))
    assert guest.answer == (COMPLETED, 2)
    assert into == [b"ab"]


def test_k2_completed_counts_what_was_taken(store: FakeStore) -> None:
    """K2: COMPLETED tells the writer how much was taken."""
    guest = GuestWriter().into(store, Script(took(3)))
    assert guest.write(b"abcde") == (COMPLETED, 3)


def test_k2_dropped_may_take_items(store: FakeStore) -> None:
    """K2: DROPPED with items taken tells the count and the end."""
    guest = GuestWriter().into(store, Script(took(2, StreamResult.DROPPED)))
    assert guest.write(b"abc") == (DROPPED, 2)


def test_k3_pending_waits_for_the_waker(store: FakeStore) -> None:
    """K3: PENDING leaves the write open, and the store knows it is waited for."""
    script = Script(PENDING, took(None))
    guest = GuestWriter().into(store, script)
    assert guest.write(b"ab") is None
    assert store.pending_host_tasks == 1
    script.waker.wake()
    store.run()
    assert guest.answer == (COMPLETED, 2)
    assert store.pending_host_tasks == 0


def test_k4_pending_after_taking_delays_the_writer(store: FakeStore) -> None:
    """K4: the writer learns of taken items only when the consumer completes."""
    script = Script(took(None, PENDING), StreamResult.COMPLETED)
    guest = GuestWriter().into(store, script)
    assert guest.write(b"ab") is None
    script.waker.wake()
    store.run()
    assert guest.answer == (COMPLETED, 2)


def test_k5_completed_without_taking_is_an_error(store: FakeStore) -> None:
    """K5: COMPLETED with items there and none taken raises in the guest's write, and the consumer is closed."""
    script = Script(StreamResult.COMPLETED)
    with pytest.raises(ConsumerError, match="without taking"):
        GuestWriter().into(store, script).write(b"ab")
    assert script.closed == 1


def test_k5_holds_between_hosts(store: FakeStore) -> None:
    """K5: the same where the host writes too: the pipe fails."""
    source = GuestReader(store, Script(wrote(b"ab"))).stream
    flow = pipe(store, source, Script(StreamResult.COMPLETED))
    assert flow.done
    assert isinstance(flow._outcome.error, ConsumerError)


def test_k6_cancelled_unasked_is_an_error(store: FakeStore) -> None:
    """K6: CANCELLED while `finish` is false raises."""
    with pytest.raises(ConsumerError, match="not to finish"):
        GuestWriter().into(store, Script(StreamResult.CANCELLED)).write(b"ab")


def test_k6_cancelled_after_taking_is_an_error(store: FakeStore) -> None:
    """K6: CANCELLED with items taken, in whichever poll of the write, raises."""
    guest = GuestWriter().into(store, Script(took(1, PENDING), StreamResult.CANCELLED))
    guest.write(b"ab")
    with pytest.raises(ConsumerError, match="took 1"):
        guest.cancel()


def test_k7_an_empty_write_may_wait_or_complete(store: FakeStore) -> None:
    """K7: a zero-length write completes when the consumer says that it can take."""
    script = Script(PENDING, StreamResult.COMPLETED)
    guest = GuestWriter().into(store, script)
    assert guest.write(b"") is None
    script.waker.wake()
    store.run()
    assert guest.answer == (COMPLETED, 0)


def test_k8_finish_cancels_at_once(store: FakeStore) -> None:
    """K8: cancel-write polls with `finish`; CANCELLED ends the write with nothing taken."""
    script = Script(PENDING, StreamResult.CANCELLED, took(None))
    guest = GuestWriter().into(store, script)
    guest.write(b"ab")
    assert guest.cancel() == (CANCELLED, 0)
    guest.write(b"cd")
    assert script.finishes == [False, True, False]


def test_k8_finish_may_stay_pending(store: FakeStore) -> None:
    """K8: PENDING while an operation winds down keeps the write open, with `finish` set."""
    script = Script(PENDING, PENDING, StreamResult.CANCELLED)
    guest = GuestWriter().into(store, script)
    guest.write(b"ab")
    assert guest.cancel() is None
    script.waker.wake()
    store.run()
    assert guest.answer == (CANCELLED, 0)
    assert script.finishes == [False, True, True]


def test_k9_taken_items_are_gone(store: FakeStore) -> None:
    """K9: what was taken is not offered again."""
    into: list[Any] = []
    guest = GuestWriter().into(store, Script(took(1, PENDING, into), took(None, into=into)))
    guest.write(b"abc")
    guest.shared.sink._waker.wake()
    store.run()
    assert into == [b"a", b"bc"]


def test_k10_a_cancelled_write_may_complete(store: FakeStore) -> None:
    """K10: after taking items, `finish` is answered by finishing the forwarding, or by stopping it, with COMPLETED."""
    guest = GuestWriter().into(store, Script(took(2, PENDING), StreamResult.COMPLETED))
    guest.write(b"abc")
    assert guest.cancel() == (COMPLETED, 2)


def test_k11_an_exception_surfaces_in_the_write(store: FakeStore) -> None:
    """K11: an exception is raised in the guest's write, as it is."""
    error = OSError("disk full")
    with pytest.raises(OSError, match="disk full") as caught:
        GuestWriter().into(store, Script(error)).write(b"ab")
    assert caught.value is error


def test_k11_an_exception_after_a_wake_up_poisons_the_writer(store: FakeStore) -> None:
    """K11: outside guest code the instance that writes is poisoned, the loop raises, and the pipe fails."""
    error = OSError("disk full")
    script = Script(PENDING, error)
    guest = GuestWriter()
    flow = pipe(store, guest.shared, script)
    guest.write(b"ab")
    script.waker.wake()
    with pytest.raises(OSError, match="disk full"):
        store.run()
    assert guest.inst.poisoned is error
    assert flow._outcome.error is error


def test_k11_an_exception_on_a_write_that_was_there_poisons_the_writer(store: FakeStore) -> None:
    """K11: whoever attaches the consumer is not to blame; the writer is poisoned and the pipe fails."""
    error = OSError("disk full")
    guest = GuestWriter()
    guest.write(b"ab")
    flow = pipe(store, guest.shared, Script(error))
    assert guest.inst.poisoned is error
    assert flow._outcome.error is error


def test_k12_the_count_is_over_all_polls(store: FakeStore) -> None:
    """K12: items taken in earlier polls of the same write count."""
    script = Script(took(2, PENDING), took(1, PENDING), StreamResult.COMPLETED)
    guest = GuestWriter().into(store, script)
    guest.write(b"abcde")
    for _ in range(2):
        script.waker.wake()
        store.run()
    assert guest.answer == (COMPLETED, 3)


def test_k13_after_dropped_writes_are_refused(store: FakeStore) -> None:
    """K13: DROPPED closes the consumer at once, and nobody polls it again."""
    script = Script(took(1, StreamResult.DROPPED))
    guest = GuestWriter()
    flow = pipe(store, guest.shared, script)
    guest.write(b"ab")
    assert script.closed == 1
    assert flow.done
    assert guest.write(b"ab") == (DROPPED, 0)
    assert script.polls == 1


# Beyond the thirteen.


def test_a_dropped_writer_closes_the_consumer(store: FakeStore) -> None:
    """The pipe is over when the writer is."""
    script = Script(took(None))
    guest = GuestWriter()
    flow = pipe(store, guest.shared, script)
    guest.write(b"ab")
    assert not flow.done
    guest.shared.drop_writable()
    assert flow.done
    assert script.closed == 1
    assert store.open_transmits == set()


def test_a_writer_that_was_gone_closes_the_consumer(store: FakeStore) -> None:
    """A consumer behind a stream that has ended is closed without a poll."""
    script = Script()
    guest = GuestWriter()
    guest.shared.drop_writable()
    assert pipe(store, guest.shared, script).done
    assert (script.polls, script.closed) == (0, 1)


def test_a_writer_that_takes_notice_of_progress_is_forgotten(store: FakeStore) -> None:
    """A write that a guest read in part before, and that its writer is done with, is not the consumer's any more."""
    guest, reader = GuestWriter(), GuestWriter()
    guest.write(b"abcd")
    guest.shared.read(reader.inst, reader.room(1), reader)
    assert guest.answer == (COMPLETED, 1)
    script = Script(PENDING, took(None))
    guest.into(store, script)
    guest.shared.reset_pending()
    assert store.pending_host_tasks == 0
    assert guest.write(b"xy") == (COMPLETED, 2)


def test_direct_memory_is_read_only_and_in_place(store: FakeStore) -> None:
    """The direct view of a `stream<u16>` has one entry an element, and `mark_read` takes them."""

    def step(source: Any) -> StreamResult:
        view = source.direct()
        assert (view.format, view.readonly, view.tolist()) == ("H", True, [1, 2])
        source.mark_read(1)
        assert source.remaining == 1
        return StreamResult.COMPLETED

    guest = GuestWriter(Prim.U16).into(store, Script(step))
    assert guest.write(b"\1\0\2\0") == (COMPLETED, 1)


def test_more_than_there_is_cannot_be_marked(store: FakeStore) -> None:
    """`mark_read` checks its count."""
    with pytest.raises(ConsumerError, match="5 items"):
        GuestWriter().into(store, Script(lambda source: source.mark_read(5))).write(b"ab")


def test_a_kept_slice_of_guest_memory_is_an_error(store: FakeStore) -> None:
    """A slice of the direct view that outlives the poll raises BufferError."""
    kept = []

    def step(source: Any) -> StreamResult:
        kept.append(source.direct()[:1])
        source.mark_read(1)
        return StreamResult.COMPLETED

    with pytest.raises(BufferError, match="kept"):
        GuestWriter().into(store, Script(step)).write(b"ab")


def test_a_source_is_for_its_write(store: FakeStore) -> None:
    """A source that is used when no write is in progress refuses."""
    kept = []

    def step(source: Any) -> StreamResult:
        kept.append(source)
        source.read()
        return StreamResult.COMPLETED

    GuestWriter().into(store, Script(step)).write(b"ab")
    with pytest.raises(ConsumerError, match="does not write"):
        kept[0].read()


def test_a_guest_cannot_make_the_host_hold_items_that_cost_it_nothing(store: FakeStore) -> None:
    """Of a stream without payload `read` takes a bounded number by default."""
    guest = GuestWriter(None)
    guest.into(store, Script(took(None)))
    guest.shared.write(guest.inst, guest.room((1 << 28) - 1), guest)
    assert guest.answer == (COMPLETED, 65536)


def test_there_is_no_direct_view_of_strings_of_a_host(store: FakeStore) -> None:
    """Between hosts a direct view shows numbers; a list of anything else is refused."""
    source = GuestReader(store, Script(wrote([1, 2], StreamResult.DROPPED)), Prim.U32).stream
    seen = []

    def step(source: Any) -> StreamResult:
        seen.append(source.direct().tolist())
        source.mark_read(2)
        return StreamResult.COMPLETED

    pipe(store, source, Script(step))
    assert seen == [[1, 2]]
    strings = GuestReader(store, Script(wrote(["a"])), Prim.STRING).stream
    flow = pipe(store, strings, Script(lambda source: source.direct()))
    assert isinstance(flow._outcome.error, LowerError)


# Futures.


def takes_one(seen: list[Any]) -> Script:
    return Script(lambda source: seen.append(source.take()) or StreamResult.COMPLETED)


def test_a_future_is_taken(store: FakeStore) -> None:
    """The writer's result is COMPLETED, and the pipe is over."""
    seen = []
    guest = GuestWriter(future=True)
    flow = pipe(store, guest.shared, takes_one(seen), is_future=True)
    assert guest.write(b"\7") == (COMPLETED, 1)
    assert seen == [7]
    assert flow.done


def test_a_future_must_be_taken(store: FakeStore) -> None:
    """COMPLETED without the value raises."""
    guest = GuestWriter(future=True)
    pipe(store, guest.shared, Script(StreamResult.COMPLETED), is_future=True)
    with pytest.raises(ConsumerError):
        guest.write(b"\7")


def test_a_future_of_the_host_goes_to_a_consumer(store: FakeStore) -> None:
    """A pipe between hosts carries the one value."""
    from stream_fakes import FutureReaderEnd

    from weft.host.streams.transmits import Produced

    seen = []
    future = FutureReaderEnd(store, Script(Produced("value"))).future
    flow = pipe(store, future, takes_one(seen), is_future=True)
    assert seen == ["value"]
    assert flow.done
