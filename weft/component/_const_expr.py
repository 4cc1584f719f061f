"""Walk over constant expressions of core modules.

Source: core specification, binary format, "Expressions".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from weft.component.reader import Reader

_END: Final = 0x0B
_BARE: Final = frozenset({0x6A, 0x6B, 0x6C, 0x7C, 0x7D, 0x7E})
"""Additions, subtractions and multiplications."""

_ONE_INTEGER: Final = frozenset({0x41, 0x42, 0x23, 0xD2})
"""i32.const, i64.const, global.get, ref.func."""

_GC_INTEGERS: Final = {0: 1, 1: 1, 6: 1, 7: 1, 8: 2, 26: 0, 27: 0, 28: 0}
"""How many integers follow the opcodes after 0xfb."""


def skip_expression(reader: Reader) -> None:
    """Skip a constant expression and its ``end``.

    Raises:
        DecodeError: an instruction may not stand there.
    """
    while (opcode := reader.byte()) != _END:
        if opcode in _ONE_INTEGER:
            _skip_integer(reader)
        elif opcode in {0x43, 0x44}:
            reader.bytes(4 if opcode == 0x43 else 8)
        elif opcode == 0xD0:
            if reader.peek() in {0x62, 0x65}:
                reader.byte()
            _skip_integer(reader)
        elif opcode == 0xFD:
            _skip_integer(reader)
            reader.bytes(16)
        elif opcode == 0xFB:
            _skip_gc(reader)
        elif opcode not in _BARE:
            raise reader.invalid_byte(opcode, "constant expression")


def _skip_gc(reader: Reader) -> None:
    code = reader.byte()
    if code not in _GC_INTEGERS:
        raise reader.invalid_byte(code, "constant expression")
    for _ in range(_GC_INTEGERS[code]):
        _skip_integer(reader)


def _skip_integer(reader: Reader) -> None:
    while reader.byte() >= 0x80:
        pass


__all__ = ["skip_expression"]
