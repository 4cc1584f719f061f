"""Bytes between a `ByteInput` or `ByteOutput` and guest memory, as streams of WASI 0.3."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Any, Final, final

from weft import StreamResult, consumers, producers
from weft.wasi.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from weft import Destination, Source, Store, StreamProducer, StreamReader
    from weft.wasi.byte_io import ByteInput, ByteOutput

CHUNK_BYTE_LENGTH: Final = 1 << 20
"""How much is read or written at once, at the most: a guest may offer gigabytes, and others want a turn."""


def _keep() -> None:
    """Leave open what was read or written."""


def read_via_stream(
    source: ByteInput, error_code: Callable[[OSError], Any], *, at_end: Callable[[], object] = _keep
) -> tuple[StreamProducer, Outcome]:
    """Return the stream of what `source` gives, and the future that says how it ended.

    Args:
        source: what is read.
        error_code: what an error of it is called in the interface.
        at_end: called as soon as the stream has ended or its reader is gone; somebody may still wait for `source`.
    """
    outcome = Outcome()
    return _InputProducer(source, outcome, error_code, at_end), outcome


def write_via_stream(
    store: Store,
    data: StreamReader,
    sink: ByteOutput,
    error_code: Callable[[OSError], Any],
    *,
    at_end: Callable[[], object] = _keep,
) -> Outcome:
    """Write a stream to `sink`, and return the future that says how that ended.

    Args:
        store: the store of the guest that writes.
        data: what the guest writes.
        sink: where it goes.
        error_code: what an error of it is called in the interface.
        at_end: called as soon as the stream has ended or takes no more; somebody may still wait for `sink`.
    """
    outcome = Outcome()
    data.pipe(store, _OutputConsumer(sink, outcome, error_code, at_end))
    return outcome


def _check(is_ready: Callable[[], bool] | None) -> None:
    if is_ready is not None and not is_ready():
        raise BlockingIOError(errno.EAGAIN, "not ready")


@final
class _InputProducer(producers.NonblockingProducer):
    __slots__ = ("_at_end", "_error_code", "_outcome", "_source")

    def __init__(
        self,
        source: ByteInput,
        outcome: Outcome,
        error_code: Callable[[OSError], Any],
        at_end: Callable[[], object],
    ) -> None:
        super().__init__()
        self._at_end = at_end
        self._source = source
        self._outcome = outcome
        self._error_code = error_code

    async def wait(self) -> None:
        """Wait until something is there."""
        await self._source.wait_readable()

    def check_ready(self) -> None:
        """Look whether something is there; a source that cannot tell is taken to have something."""
        _check(getattr(self._source, "is_readable", None))

    def receive(self, destination: Destination) -> StreamResult:
        """Read straight into the guest's memory."""
        try:
            with destination.direct()[:CHUNK_BYTE_LENGTH] as view:  # the traceback of an error may outlive the loan
                count = self._source.read_into(view)
        except (BlockingIOError, InterruptedError):
            raise
        except OSError as error:
            self._outcome.fail(self._error_code(error))
            return StreamResult.DROPPED
        if not count:
            return StreamResult.DROPPED
        destination.mark_written(count)
        return StreamResult.COMPLETED

    def finished(self) -> None:
        """Say that all went well, unless something did not."""
        self._outcome.succeed()

    def close(self) -> None:
        """End the use at once: the guest may go on before a wait is over."""
        self._at_end()
        super().close()


@final
class _OutputConsumer(consumers.NonblockingConsumer):
    __slots__ = ("_at_end", "_error_code", "_outcome", "_sink")

    def __init__(
        self,
        sink: ByteOutput,
        outcome: Outcome,
        error_code: Callable[[OSError], Any],
        at_end: Callable[[], object],
    ) -> None:
        super().__init__()
        self._at_end = at_end
        self._sink = sink
        self._outcome = outcome
        self._error_code = error_code

    async def wait(self) -> None:
        """Wait until something can be written."""
        await self._sink.wait_writable()

    def check_ready(self) -> None:
        """Look whether something can be written; a sink that cannot tell is taken to have room."""
        _check(getattr(self._sink, "is_writable", None))

    def send(self, source: Source) -> StreamResult:
        """Write straight from the guest's memory."""
        try:
            with source.direct()[:CHUNK_BYTE_LENGTH] as view:
                count = self._sink.write_from(view)
        except (BlockingIOError, InterruptedError):
            raise
        except OSError as error:
            self._outcome.fail(self._error_code(error))
            return StreamResult.DROPPED
        source.mark_read(count)
        return StreamResult.COMPLETED

    def finished(self) -> None:
        """Say that all went well, unless something did not."""
        self._outcome.succeed()

    def close(self) -> None:
        """End the use at once: the guest may go on before a wait is over."""
        self._at_end()
        super().close()


__all__ = ["CHUNK_BYTE_LENGTH", "read_via_stream", "write_via_stream"]
