"""The resource ``outgoing-body`` of wasi:http/types 0.2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from weft import Err, FutureReader, StreamReader, Trap, TrapCode
from weft.wasi.http.body import Body
from weft.wasi.http.errors import internal_error
from weft.wasi.outcome import Outcome
from weft.wasi.p2.http.body_sink import BodySink
from weft.wasi.p2.io import OutputStream

if TYPE_CHECKING:
    from weft import LinkerInstance, Store
    from weft.wasi.http.errors import ErrorCode
    from weft.wasi.http.fields import Fields

NOT_FINISHED: Final = internal_error("the body was dropped and not finished")


@final
class OutgoingBody:
    """What a guest sends with a request or a response.

    The message is complete when the guest has called `finish` and all that it wrote has gone. If it wrote more than the
    ``content-length`` said, or less, or does not finish, the message is broken off.

    Args:
        headers: those of the message, which may say how long the contents are.
        size_error: the case of ``error-code`` for when they are not.

    Raises:
        HttpError: the headers say no single length.
    """

    __slots__ = ("_content_length", "_over", "_sink", "_size_error", "_stream", "_stream_gone", "_trailers")

    def __init__(self, headers: Fields, size_error: str) -> None:
        self._content_length = headers.content_length()
        self._size_error = size_error
        self._sink = BodySink(self._content_length, size_error)
        self._trailers = Outcome()
        self._stream: OutputStream | None = None
        self._stream_gone = self._over = False

    def body(self, store: Store) -> Body:
        """Return it as a part of a message to send."""
        return Body(store, StreamReader.new(store, self._sink), FutureReader.new(store, self._trailers))

    def write(self) -> OutputStream:
        """Return the stream to write to, once.

        Raises:
            Err: it was returned before.
        """
        if self._stream is not None:
            raise Err
        self._stream = OutputStream(self._sink, release=self._written)
        return self._stream

    def _written(self) -> None:
        """Note that all that will ever be written has been."""
        self._stream_gone = True
        if self._over:
            self._sink.end()

    def finish(self, trailers: Fields | None) -> None:
        """Complete the message.

        Raises:
            Trap: the guest still has the stream.
            Err: it wrote more or less than it said.
        """
        if self._stream is not None and not self._stream.dropped:
            raise Trap(TrapCode.OTHER, "`outgoing-body.finish` was called while its stream was still there")
        byte_length = self._sink.byte_length + (0 if self._stream is None else self._stream.pending_byte_length)
        if self._content_length not in {None, byte_length}:
            code = (self._size_error, byte_length)
            self._end_with(code)
            raise Err(code)
        self._trailers.succeed(trailers)
        self._end()

    def _end_with(self, code: ErrorCode) -> None:
        self._trailers.fail(code)
        self._end()

    def _end(self) -> None:
        self._over = True
        if self._stream is None or self._stream_gone:
            self._sink.end()

    def abandon(self) -> None:
        """Take nothing more: the message will not be sent."""
        self._sink.close()

    def on_drop(self) -> None:
        """Break the message off."""
        self._end_with(NOT_FINISHED)


def _write(_store: Store, body: OutgoingBody) -> OutputStream:
    return body.write()


def _finish(_store: Store, body: OutgoingBody, trailers: Fields | None) -> None:
    body.finish(trailers)


def define(api: LinkerInstance) -> None:
    """Define the resource and its functions."""
    api.object_resource("outgoing-body")
    api.func_wrap("[method]outgoing-body.write", _write)
    api.func_wrap("[static]outgoing-body.finish", _finish)


__all__ = ["OutgoingBody", "define"]
