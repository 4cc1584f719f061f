"""The rules of `poll_produce`, P1 to P19, and those of futures."""

from __future__ import annotations

from array import array

import pytest
from stream_fakes import CANCELLED, COMPLETED, DROPPED, End, FakeStore, FutureReaderEnd, GuestReader, Script, wrote

from weft.canon.types import Prim
from weft.errors import LowerError, ProducerError
from weft.host.streams.host_stream import HostStream
from weft.host.streams.transmits import PENDING, Produced, StreamResult


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


def test_p1_the_producer_is_asked_once_a_read(store: FakeStore) -> None:
    """P1: each read polls once; nothing else does."""
    script = Script(wrote(b"a"), wrote(b"b"))
    guest = GuestReader(store, script)
    store.run()
    assert script.polls == 0
    guest.read(4)
    store.run()
    assert script.polls == 1
    guest.read(4)
    assert script.polls == 2


def test_p2_items_now_are_completed(store: FakeStore) -> None:
    """P2: what was written is in the guest's memory when the read completes."""
    guest = GuestReader(store, Script(wrote(b"abc")))
    assert guest.read(8) == (COMPLETED, 3)
    assert guest.data == b"abc"


def test_p3_items_may_accompany_the_end(store: FakeStore) -> None:
    """P3: DROPPED with items delivers them with the end."""
    guest = GuestReader(store, Script(wrote(b"abc", StreamResult.DROPPED)))
    assert guest.read(8) == (DROPPED, 3)
    assert guest.data == b"abc"


def test_p3_the_end_may_come_alone(store: FakeStore) -> None:
    """P3: DROPPED without items ends the stream."""
    assert GuestReader(store, Script(StreamResult.DROPPED)).read(8) == (DROPPED, 0)


def test_p4_pending_waits_for_the_waker(store: FakeStore) -> None:
    """P4: PENDING leaves the read open until the waker is woken, however often, and the store knows of it."""
    script = Script(PENDING, wrote(b"x"))
    guest = GuestReader(store, script)
    assert guest.read(8) is None
    assert store.pending_host_tasks == 1
    store.run()
    assert script.polls == 1
    script.waker.wake()
    script.waker.wake()
    assert guest.result is None
    store.run()
    assert guest.answer == (COMPLETED, 1)
    assert script.polls == 2
    assert store.pending_host_tasks == 0


def test_p4_a_late_wake_up_does_nothing(store: FakeStore) -> None:
    """P1, P4: a waker that is woken while nobody reads polls nothing."""
    script = Script(wrote(b"x"))
    GuestReader(store, script).read(1)
    script.waker.wake()
    store.run()
    assert script.polls == 1


def test_p5_pending_after_writing_is_an_error(store: FakeStore) -> None:
    """P5: PENDING after writing anything raises in the guest's read, and the producer is closed."""
    script = Script(wrote(b"x", PENDING))
    with pytest.raises(ProducerError, match="PENDING although it wrote 1"):
        GuestReader(store, script).read(8)
    assert script.closed == 1


def test_p5_pending_after_writing_directly_is_an_error(store: FakeStore) -> None:
    """P5: the same when it was written to the guest's memory itself."""

    def step(destination: object) -> object:
        destination.direct()[0] = 1
        destination.mark_written(1)
        return PENDING

    with pytest.raises(ProducerError, match="PENDING"):
        GuestReader(store, Script(step)).read(8)


@pytest.mark.parametrize("count", [1, 2, 8])
def test_p6_completed_without_items_is_an_error(store: FakeStore, count: int) -> None:
    """P6: COMPLETED with nothing written raises, whatever the length of the read but zero."""
    with pytest.raises(ProducerError, match="COMPLETED without writing"):
        GuestReader(store, Script(StreamResult.COMPLETED)).read(count)


def test_p6_holds_for_host_readers(store: FakeStore) -> None:
    """P6: a host that reads is told as well."""
    stream = HostStream(store, Script(StreamResult.COMPLETED))
    with pytest.raises(ProducerError):
        stream.read(None, End().room(4), End())


def test_p7_cancelled_unasked_is_an_error(store: FakeStore) -> None:
    """P7: CANCELLED while `finish` is false raises."""
    with pytest.raises(ProducerError, match="not to finish"):
        GuestReader(store, Script(StreamResult.CANCELLED)).read(8)


def test_p8_cancelled_after_writing_is_an_error(store: FakeStore) -> None:
    """P8: CANCELLED with items raises."""
    guest = GuestReader(store, Script(PENDING, wrote(b"x", StreamResult.CANCELLED)))
    guest.read(8)
    with pytest.raises(ProducerError, match="CANCELLED although it wrote"):
        guest.cancel()


def test_p9_an_exception_surfaces_in_the_read(store: FakeStore) -> None:
    """P9: an exception raised in the guest's own read is raised there, as it is."""
    error = OSError("broken")
    with pytest.raises(OSError, match="broken") as caught:
        GuestReader(store, Script(error)).read(8)
    assert caught.value is error


def test_p9_an_exception_after_a_wake_up_poisons_the_reader(store: FakeStore) -> None:
    """P9: outside guest code the instance that reads is poisoned, and the loop raises."""
    error = OSError("broken")
    script = Script(PENDING, error)
    guest = GuestReader(store, script)
    guest.read(8)
    script.waker.wake()
    with pytest.raises(OSError, match="broken"):
        store.run()
    assert guest.inst.poisoned is error
    assert script.closed == 1
    assert store.pending_host_tasks == 0


@pytest.mark.parametrize("items", [b"abcdef", bytearray(b"abcdef"), list(b"abcdef"), memoryview(b"abcdef")])
def test_p10_surplus_serves_later_reads(store: FakeStore, items: object) -> None:
    """P10: what does not fit is kept, and the producer is asked again only when it is gone."""
    script = Script(wrote(items), wrote(b"gh"))
    guest = GuestReader(store, script)
    got = []
    for _ in range(3):
        assert guest.read(2) == (COMPLETED, 2)
        got.append(guest.data)
    assert script.polls == 1
    guest.read(2)
    assert (*got, guest.data) == (b"ab", b"cd", b"ef", b"gh")
    assert script.polls == 2


def test_p10_surplus_is_a_copy(store: FakeStore) -> None:
    """P10: a producer may use its buffer again; what was retained stays what it was."""
    items = bytearray(b"abcd")
    guest = GuestReader(store, Script(wrote(items)))
    guest.read(2)
    items[:] = b"zzzz"
    guest.read(2)
    assert guest.data == b"cd"


def test_p11_what_is_written_arrives_in_order(store: FakeStore) -> None:
    """P11: direct bytes come before those written after them, and a second `write` adds to the first."""

    def step(destination: object) -> StreamResult:
        destination.direct()[:2] = b"ab"
        destination.mark_written(2)
        destination.write(b"cd")
        assert destination.remaining == 1
        destination.write(b"ef")
        return StreamResult.COMPLETED

    guest = GuestReader(store, Script(step))
    assert guest.read(5) == (COMPLETED, 5)
    assert guest.data == b"abcde"
    assert guest.read(5) == (COMPLETED, 1)
    assert guest.data == b"f"


def test_p12_the_end_is_sticky(store: FakeStore) -> None:
    """P12: DROPPED with more than fits completes, the rest follows with the end, and nobody is polled again."""
    script = Script(wrote(b"abcd", StreamResult.DROPPED))
    guest = GuestReader(store, script)
    assert guest.read(3) == (COMPLETED, 3)
    assert script.closed == 1
    assert guest.read(3) == (DROPPED, 1)
    assert guest.read(3) == (DROPPED, 0)
    assert script.polls == 1


def test_p13_a_read_of_nothing_may_complete(store: FakeStore) -> None:
    """P13: a zero-length read may be answered COMPLETED without items."""
    script = Script(StreamResult.COMPLETED)
    assert GuestReader(store, script).read(0) == (COMPLETED, 0)
    assert script.remaining == [0]


def test_p13_a_read_of_nothing_may_wait(store: FakeStore) -> None:
    """P13: a zero-length read may wait until items are there."""
    script = Script(PENDING, StreamResult.COMPLETED)
    guest = GuestReader(store, script)
    assert guest.read(0) is None
    script.waker.wake()
    store.run()
    assert guest.answer == (COMPLETED, 0)


def test_p13_a_read_of_nothing_may_buffer(store: FakeStore) -> None:
    """P13: items written in a zero-length read serve the next one, and a zero-length read in between is ready."""
    script = Script(wrote(b"ab"))
    guest = GuestReader(store, script)
    assert guest.read(0) == (COMPLETED, 0)
    assert guest.read(0) == (COMPLETED, 0)
    assert guest.read(4) == (COMPLETED, 2)
    assert script.polls == 1


def test_p14_cancelling_polls_with_finish_until_ready(store: FakeStore) -> None:
    """P14: after cancel-read every poll of that read sees `finish`; the next read does not."""
    script = Script(PENDING, PENDING, PENDING, StreamResult.CANCELLED, wrote(b"x"))
    guest = GuestReader(store, script)
    guest.read(8)
    assert guest.cancel() is None
    script.waker.wake()
    store.run()
    script.waker.wake()
    store.run()
    assert guest.answer == (CANCELLED, 0)
    guest.read(8)
    assert script.finishes == [False, True, True, True, False]


def test_p15_a_short_read_may_complete_a_cancelled_one(store: FakeStore) -> None:
    """P15: with `finish`, COMPLETED with items is a good answer."""
    guest = GuestReader(store, Script(PENDING, wrote(b"xy")))
    guest.read(8)
    assert guest.cancel() == (COMPLETED, 2)


def test_p16_nothing_can_be_written_after_cancelled(store: FakeStore) -> None:
    """P16: a destination that is used when no read is in progress refuses."""
    kept = []

    def step(destination: object) -> object:
        kept.append(destination)
        return PENDING

    guest = GuestReader(store, Script(step, StreamResult.CANCELLED))
    guest.read(8)
    guest.cancel()
    with pytest.raises(ProducerError, match="does not read"):
        kept[0].write(b"late")


def test_p17_the_producer_is_closed_at_the_end(store: FakeStore) -> None:
    """P17: it is closed before the guest learns of the end, once, and leaves the store."""
    script = Script(StreamResult.DROPPED)
    guest = GuestReader(store, script)
    assert store.open_transmits == {guest.stream}
    guest.read(8)
    guest.stream.drop_readable()
    assert script.closed == 1
    assert store.open_transmits == set()


@pytest.mark.parametrize("reading", [False, True])
def test_p17_the_producer_is_closed_with_its_reader(store: FakeStore, reading: bool) -> None:
    """P17: dropping the readable end closes the producer at once, even in the middle of a read (of a trapped guest)."""
    script = Script(PENDING)
    guest = GuestReader(store, script)
    if reading:
        guest.read(8)
    guest.stream.drop_readable()
    assert script.closed == 1
    assert store.pending_host_tasks == 0
    assert guest.result is None


def test_p17_the_producer_is_closed_with_the_store(store: FakeStore) -> None:
    """P17: closing all that the store knows closes producers."""
    script = Script(PENDING)
    guest = GuestReader(store, script)
    guest.read(8)
    for transmit in list(store.open_transmits):
        transmit.close()
    assert script.closed == 1


def test_p17_an_error_in_close_reaches_the_loop(store: FakeStore) -> None:
    """P17: an exception of `close` does not disturb who dropped the end; the store's loop raises it."""
    script = Script()
    script.close = lambda: 1 // 0
    GuestReader(store, script).stream.drop_readable()
    with pytest.raises(ZeroDivisionError):
        store.run()


def test_p18_the_count_is_that_of_this_read(store: FakeStore) -> None:
    """P18: n counts what was placed in this read, for numbers wider than a byte as well."""
    guest = GuestReader(store, Script(wrote([1, 2, 3]), wrote(array("I", [4]))), Prim.U32)
    assert guest.read(2) == (COMPLETED, 2)
    assert guest.read(2) == (COMPLETED, 1)
    assert guest.read(2) == (COMPLETED, 1)
    assert guest.data == (4).to_bytes(4, "little")


def test_p19_a_producer_is_not_re_entered(store: FakeStore) -> None:
    """P19: cancelling or dropping from inside a poll waits for its answer."""
    guest: GuestReader

    def cancel(_destination: object) -> object:
        guest.stream.cancel_read()
        assert script.polls == 1
        return PENDING

    script = Script(cancel, StreamResult.CANCELLED)
    guest = GuestReader(store, script)
    assert guest.read(8) == (CANCELLED, 0)

    def drop(_destination: object) -> object:
        guest.stream.drop_readable()
        assert script.closed == 0
        return PENDING

    script.steps.append(drop)
    guest.read(8)
    assert script.closed == 1


# Beyond the nineteen.


def test_an_answer_of_another_kind_is_an_error(store: FakeStore) -> None:
    """Anything but a result or PENDING raises."""
    with pytest.raises(ProducerError, match="answered None"):
        GuestReader(store, Script(lambda _: None)).read(8)


@pytest.mark.parametrize("items", ["text", 5, {1: 2}, {1}, memoryview(bytes(4)).cast("B", (2, 2))])
def test_items_must_be_a_sequence(store: FakeStore, items: object) -> None:
    """`write` refuses what is no run of elements."""
    with pytest.raises(LowerError):
        GuestReader(store, Script(wrote(items))).read(8)


def test_items_must_fit_their_type(store: FakeStore) -> None:
    """An element of a wrong type or range is a LowerError with its place."""
    with pytest.raises(LowerError, match="list index 1"):
        GuestReader(store, Script(wrote([1, 256]))).read(8)


def test_a_stream_without_payload_counts(store: FakeStore) -> None:
    """A `stream` of nothing takes a sequence for its length."""
    guest = GuestReader(store, Script(wrote([None] * 3)), None)
    assert guest.read(2) == (COMPLETED, 2)
    assert guest.read(2) == (COMPLETED, 1)


def test_direct_memory_has_the_format_of_the_elements(store: FakeStore) -> None:
    """The direct view of a `stream<u32>` has one entry an element; it is the guest's memory."""

    def step(destination: object) -> StreamResult:
        view = destination.direct()
        assert (view.format, len(view)) == ("I", 3)
        view[0] = 7
        destination.mark_written(1)
        return StreamResult.COMPLETED

    guest = GuestReader(store, Script(step), Prim.U32)
    assert guest.read(3) == (COMPLETED, 1)
    assert guest.data == b"\x07\0\0\0"


def test_direct_memory_is_for_numbers(store: FakeStore) -> None:
    """There is no direct view of strings."""
    with pytest.raises(LowerError, match="only streams of numbers"):
        GuestReader(store, Script(lambda destination: destination.direct()), Prim.STRING).read(8)


def test_more_than_the_direct_view_cannot_be_marked(store: FakeStore) -> None:
    """`mark_written` checks its count against the view, and that there is one."""

    def step(destination: object) -> None:
        destination.direct()
        destination.mark_written(9)

    with pytest.raises(ProducerError, match="9 items"):
        GuestReader(store, Script(step)).read(8)
    with pytest.raises(ProducerError, match="1 items"):
        GuestReader(store, Script(lambda destination: destination.mark_written(1))).read(8)


def test_a_kept_slice_of_guest_memory_is_an_error(store: FakeStore) -> None:
    """A slice of the direct view that outlives the poll raises BufferError."""
    kept = []

    def step(destination: object) -> StreamResult:
        kept.append(destination.direct()[:4])
        destination.mark_written(4)
        return StreamResult.COMPLETED

    with pytest.raises(BufferError, match="kept"):
        GuestReader(store, Script(step)).read(8)


def test_a_direct_view_dies_with_the_poll(store: FakeStore) -> None:
    """The view itself cannot be used after the poll."""
    kept = []

    def step(destination: object) -> object:
        kept.append(destination.direct())
        return PENDING

    GuestReader(store, Script(step)).read(8)
    with pytest.raises(ValueError, match="released"):
        kept[0][0] = 1


def test_a_producer_that_holds_the_operation_writes_between_polls(store: FakeStore) -> None:
    """With `holds_operation`, the destination and its view stay good until the read ends."""
    kept = []

    def keep(destination: object) -> object:
        kept.append((destination, destination.direct()))
        return PENDING

    script = Script(keep, PENDING, lambda _: StreamResult.COMPLETED)
    script.holds_operation = True
    guest = GuestReader(store, script)
    guest.read(8)
    destination, view = kept[0]
    view[:2] = b"ab"
    script.waker.wake()
    store.run()
    destination.mark_written(2)
    script.waker.wake()
    store.run()
    assert guest.answer == (COMPLETED, 2)
    assert guest.data == b"ab"
    with pytest.raises(ProducerError):
        destination.write(b"x")


def test_host_readers_have_no_limit(store: FakeStore) -> None:
    """`remaining` is None for a host that reads, and `direct` gives room of the host's."""

    def step(destination: object) -> StreamResult:
        assert destination.remaining is None
        view = destination.direct(3)
        view[:] = b"abc"
        destination.mark_written(3)
        return StreamResult.COMPLETED

    reader = End()
    HostStream(store, Script(step), Prim.U8).read(None, reader.room(2), reader)
    assert reader.answer == (COMPLETED, 2)


# Futures.


def test_a_future_delivers_its_value(store: FakeStore) -> None:
    """The result is COMPLETED, never DROPPED, and the producer is closed."""
    script = Script(Produced(7))
    guest = FutureReaderEnd(store, script)
    assert guest.read() == COMPLETED
    assert guest.memory.data[1024] == 7
    assert script.closed == 1


def test_a_future_waits(store: FakeStore) -> None:
    """PENDING waits for the waker."""
    script = Script(PENDING, Produced(7))
    guest = FutureReaderEnd(store, script)
    assert guest.read() is None
    script.waker.wake()
    store.run()
    assert guest.result == COMPLETED


def test_a_cancelled_future_can_be_read_again(store: FakeStore) -> None:
    """CANCELLED is an answer to `finish`; a later read gets the value."""
    script = Script(PENDING, StreamResult.CANCELLED, Produced(7))
    guest = FutureReaderEnd(store, script)
    guest.read()
    assert guest.cancel() == CANCELLED
    assert guest.read() == COMPLETED
    assert script.finishes == [False, True, False]


@pytest.mark.parametrize("answer", [StreamResult.CANCELLED, StreamResult.COMPLETED, 7])
def test_a_future_needs_a_value(store: FakeStore, answer: object) -> None:
    """P7 for futures: no value without `finish` raises, as does any other answer."""
    with pytest.raises(ProducerError):
        FutureReaderEnd(store, Script(answer)).read()


def test_a_dropped_future_closes_its_producer(store: FakeStore) -> None:
    """P17 for futures."""
    script = Script(PENDING)
    guest = FutureReaderEnd(store, script)
    guest.read()
    guest.future.drop_readable()
    assert script.closed == 1
