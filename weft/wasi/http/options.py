"""How long a request may take."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from weft import Err, Trap, TrapCode
from weft.wasi.http.held import Held

if TYPE_CHECKING:
    from weft.wasi.ctx import WasiCtx

HELD_BYTE_LENGTH = 512


@final
class RequestOptions:
    """A resource of ``wasi:http/types``. Times are in nanoseconds, None for no wish.

    Attributes:
        immutable: whether the setters fail.
    """

    __slots__ = ("_ctx", "_held", "between_bytes_ns", "connect_ns", "first_byte_ns", "immutable")

    def __init__(self, ctx: WasiCtx) -> None:
        try:
            self._held = Held(ctx.held, HELD_BYTE_LENGTH)
        except OSError as error:
            raise Trap(TrapCode.OTHER, str(error)) from error
        self._ctx = ctx
        self.connect_ns: int | None = None
        self.first_byte_ns: int | None = None
        self.between_bytes_ns: int | None = None
        self.immutable = False

    def check_mutable(self) -> None:
        """Refuse a change where none is allowed.

        Raises:
            Err: ``immutable``.
        """
        if self.immutable:
            raise Err("immutable")

    def clone(self) -> RequestOptions:
        """Return a copy that can be changed."""
        copy = RequestOptions(self._ctx)
        copy.connect_ns = self.connect_ns
        copy.first_byte_ns = self.first_byte_ns
        copy.between_bytes_ns = self.between_bytes_ns
        return copy

    def view(self) -> RequestOptions:
        """Return the same as another resource; both are immutable from now on."""
        self.immutable = True
        view = self.clone()
        view.immutable = True
        return view


__all__ = ["RequestOptions"]
