"""The contents of a body that a guest reads, as a source of an ``input-stream``."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Final, final

import anyio

from weft.wasi.http.errors import HttpError
from weft.wasi.p2.http.errors import HttpIOError

if TYPE_CHECKING:
    from weft import Accessor, Store
    from weft.wasi.http.errors import ErrorCode
    from weft.wasi.http.fields import Fields
    from weft.wasi.http.outgoing import OutgoingBody

FETCH_BYTE_LENGTH: Final = 1 << 16
"""How much is fetched at once."""


@final
class BodySource:
    """Fetches a chunk when the guest asks for one (`weft.wasi.read_ahead.ReadableInput`).

    The end is the end only if the trailers say so: else it is an error, which the trailers are, too.

    Invariant: at most one chunk is held, and `_fetching` says whether a task is there that fetches one.

    Args:
        store: the store of the guest.
        body: what is read; closed by `close`, or at the end.
    """

    __slots__ = (
        "_body",
        "_changed",
        "_chunk",
        "_closed",
        "_fetching",
        "_scope",
        "_store",
        "ended",
        "error",
        "trailers",
    )

    def __init__(self, store: Store, body: OutgoingBody) -> None:
        self._store = store
        self._body = body
        self._chunk = memoryview(b"")
        self._changed = anyio.Event()
        self._fetching = self._closed = False
        self._scope = anyio.CancelScope()
        self.ended = False
        self.error: ErrorCode = None
        self.trailers: Fields | None = None

    # `ReadableInput`.

    def read_into(self, view: memoryview) -> int:
        """Read what was fetched, and see that more is fetched when there is none."""
        if not self.is_readable():
            raise BlockingIOError(errno.EAGAIN, "not there yet")
        if self.error is not None:
            raise HttpIOError(self.error)
        part, self._chunk = self._chunk[: len(view)], self._chunk[len(view) :]
        view[: len(part)] = part
        return len(part)

    def is_readable(self) -> bool:
        """Whether there is anything: bytes, the end or an error."""
        if self._chunk or self.ended:
            return True
        self._start_fetching()
        return False

    async def wait_readable(self) -> None:
        """Wait until there is."""
        while not self.is_readable():
            await self._changed.wait()

    # Fetching.

    def _start_fetching(self) -> None:
        if not self._fetching:
            self._fetching = True
            self._changed = anyio.Event()
            self._scope = anyio.CancelScope()
            self._store.spawn(self._fetch)

    async def _fetch(self, _accessor: Accessor) -> None:
        try:
            with self._scope:
                await self._fetch_one()
        except HttpError as error:
            self.error = error.code
            self.ended = True
        finally:
            self._fetching = False
            if self._closed or self.ended:
                self.ended = True
                self._body.succeed()
            self._changed.set()

    async def _fetch_one(self) -> None:
        chunk = await self._body.read(FETCH_BYTE_LENGTH)
        if chunk is None:
            self.trailers = await self._body.trailers()
            self.ended = True
        else:
            self._chunk = memoryview(chunk)

    async def skip(self) -> None:
        """Read all that is left, for nobody."""
        while not self.ended:
            self._chunk = memoryview(b"")
            await self.wait_readable()

    def close(self) -> None:
        """Fetch no more, and let go of what is fetched from."""
        self._closed = True
        if self._fetching:
            self._scope.cancel()
        elif not self.ended:
            self.ended = True
            self._body.succeed()


__all__ = ["BodySource"]
