"""The imports and exports of a core module, read from its bytes.

The bytes were accepted by Wasmtime before they come here, so nothing is validated again. Wasmtime's C API would abort
the process for some types (v128, typed references, large tables), and it does not tell 64-bit tables apart.
Source: the WebAssembly core specification, "Binary Format", "Modules".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, final

from weft.engine.coretypes import (
    CoreSig,
    EngineError,
    ExportType,
    ExternType,
    GlobalType,
    ImportType,
    MemoryType,
    TableType,
    TagType,
)

if TYPE_CHECKING:
    from collections.abc import Callable

_T = TypeVar("_T")

_NUMBERS = {0x7F: "i32", 0x7E: "i64", 0x7D: "f32", 0x7C: "f64", 0x7B: "v128", 0x78: "i8", 0x77: "i16"}
_HEAPS = {
    0x74: "noexn",
    0x73: "nofunc",
    0x72: "noextern",
    0x71: "none",
    0x70: "func",
    0x6F: "extern",
    0x6E: "any",
    0x6D: "eq",
    0x6C: "i31",
    0x6B: "struct",
    0x6A: "array",
    0x69: "exn",
}


@final
class _Reader:
    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data = data
        self.at = at

    def byte(self) -> int:
        self.at += 1
        return self.data[self.at - 1]

    def number(self) -> int:
        """Read an unsigned LEB128."""
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def name(self) -> str:
        size = self.number()
        self.at += size
        return self.data[self.at - size : self.at].decode()

    def vector(self, item: Callable[[], _T]) -> list[_T]:
        return [item() for _ in range(self.number())]

    def heap_type(self) -> str:
        if self.data[self.at] in _HEAPS:
            return _HEAPS[self.byte()]
        return str(self.number())

    def value_type(self) -> str:
        byte = self.byte()
        if byte in _NUMBERS:
            return _NUMBERS[byte]
        if byte in _HEAPS:
            return f"{_HEAPS[byte]}ref"
        heap = self.heap_type()
        if byte == 0x63:
            return f"{heap}ref" if heap in {"func", "extern"} else f"(ref null {heap})"
        return f"(ref {heap})"

    def limits(self) -> tuple[int, int | None, int, int]:
        """Read minimum, maximum, flags and page size (log2)."""
        flags = self.byte()
        minimum = self.number()
        maximum = self.number() if flags & 1 else None
        return minimum, maximum, flags, self.number() if flags & 8 else 16

    def table_type(self) -> TableType:
        element = self.value_type()
        minimum, maximum, flags, _ = self.limits()
        return TableType(element, minimum, maximum, bool(flags & 4))

    def memory_type(self) -> MemoryType:
        minimum, maximum, flags, page_size_log2 = self.limits()
        return MemoryType(minimum, maximum, bool(flags & 4), bool(flags & 2), page_size_log2)

    def global_type(self) -> GlobalType:
        return GlobalType(self.value_type(), bool(self.byte()))

    def table(self) -> TableType:
        """Read a table definition, with its initial value if it has one."""
        if self.data[self.at] != 0x40:
            return self.table_type()
        self.at += 2
        table = self.table_type()
        self.skip_expression()
        return table

    def global_(self) -> GlobalType:
        """Read a global definition."""
        found = self.global_type()
        self.skip_expression()
        return found

    def skip_expression(self) -> None:
        """Skip a constant expression and its end."""
        while (opcode := self.byte()) != 0x0B:
            if opcode in {0x43, 0x44}:
                self.at += 4 if opcode == 0x43 else 8
            elif opcode == 0xFD:
                self.number()
                self.at += 16
            elif opcode == 0xFB:
                self._skip_gc_operands(self.number())
            elif opcode in {0x41, 0x42, 0x23, 0xD0, 0xD2}:
                self.number()

    def _skip_gc_operands(self, opcode: int) -> None:
        operands = 2 if opcode == 8 else 1 if opcode in {0, 1, 6, 7} else 0
        for _ in range(operands):
            self.number()


@final
class Interface:
    """What a module asks for and offers.

    Attributes:
        imports: in the order of the import section.
        exports: in the order of the export section.
    """

    def __init__(self, wasm: bytes) -> None:
        self._types: list[CoreSig | None] = []
        self._spaces: tuple[list[ExternType], ...] = ([], [], [], [], [])
        self.imports: tuple[ImportType, ...] = ()
        self.exports: tuple[ExportType, ...] = ()
        reader = _Reader(wasm, 8)
        while reader.at < len(wasm):
            section = reader.byte()
            end = reader.number() + reader.at
            self._section(section, reader)
            reader.at = end

    def _section(self, section: int, reader: _Reader) -> None:
        functions, tables, memories, globals_, tags = self._spaces
        if section == 1:
            reader.vector(lambda: self._rec_group(reader))
        elif section == 2:
            self.imports = tuple(reader.vector(lambda: self._import(reader)))
        elif section == 3:
            functions += reader.vector(lambda: self._sig(reader.number()))
        elif section == 4:
            tables += reader.vector(reader.table)
        elif section == 5:
            memories += reader.vector(reader.memory_type)
        elif section == 6:
            globals_ += reader.vector(reader.global_)
        elif section == 13:
            tags += reader.vector(lambda: self._tag(reader))
        elif section == 7:
            self.exports = tuple(reader.vector(lambda: self._export(reader)))

    def _rec_group(self, reader: _Reader) -> None:
        if reader.data[reader.at] == 0x4E:
            reader.at += 1
            reader.vector(lambda: self._sub_type(reader))
        else:
            self._sub_type(reader)

    def _sub_type(self, reader: _Reader) -> None:
        form = reader.byte()
        if form in {0x50, 0x4F}:
            reader.vector(reader.number)
            form = reader.byte()
        if form == 0x60:
            params = tuple(reader.vector(reader.value_type))
            self._types.append(CoreSig(params, tuple(reader.vector(reader.value_type))))
        elif form == 0x5F:
            reader.vector(reader.global_type)
            self._types.append(None)
        elif form == 0x5E:
            reader.global_type()
            self._types.append(None)
        else:
            msg = f"a type of form {form:#x} is not supported"
            raise EngineError(msg)

    def _sig(self, index: int) -> CoreSig:
        sig = self._types[index]
        assert sig is not None
        return sig

    def _tag(self, reader: _Reader) -> TagType:
        reader.byte()
        return TagType(self._sig(reader.number()))

    def _import(self, reader: _Reader) -> ImportType:
        module, name = reader.name(), reader.name()
        kind = reader.byte()
        found: ExternType
        if kind == 0:
            found = self._sig(reader.number())
        elif kind == 4:
            found = self._tag(reader)
        else:
            found = (reader.table_type, reader.memory_type, reader.global_type)[kind - 1]()
        self._spaces[kind].append(found)
        return ImportType(module, name, found)

    def _export(self, reader: _Reader) -> ExportType:
        name, kind = reader.name(), reader.byte()
        return ExportType(name, self._spaces[kind][reader.number()])
