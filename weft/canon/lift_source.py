"""Source text that lifts: core values and memory in, Python values out.

Source: CanonicalABI.md, "Loading" and "Flat Lifting".
"""

from __future__ import annotations

from itertools import islice
from struct import Struct
from typing import TYPE_CHECKING, Any, final

from attrs import Factory, define

from weft.canon import accept, memory, numbers, strings
from weft.canon.cost import element_cost, entry_cost
from weft.canon.dispatch import dispatch, handle_function
from weft.canon.flatten import flatten_type
from weft.canon.layout import VariantLike, alignment, case_types, elem_size, field_types
from weft.canon.type_walk import is_unbounded
from weft.canon.types import (
    BorrowType,
    EnumType,
    FlagsType,
    FutureType,
    ListType,
    MapType,
    OptionType,
    OwnType,
    Prim,
    RecordType,
    ResultType,
    StreamType,
    TupleType,
    ValType,
    VariantType,
)
from weft.canon.values import Err, Ok, Some, case_classes, lifted_map, python_class

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weft.canon.module import Body, Module
    from weft.canon.words import WordPlan

_FLAT_MASKS = {Prim.U8: 0xFF, Prim.U16: 0xFFFF}
_SIGN_BITS = {Prim.S8: 1 << 7, Prim.S16: 1 << 15, Prim.S32: 1 << 31, Prim.S64: 1 << 63}


@final
@define(eq=False)
class LiftSource:
    """Writes the lifting functions of one module."""

    module: Module
    plan: WordPlan
    encoding: str
    _functions: dict[tuple[str, int], str] = Factory(dict)
    _kept: list[ValType] = Factory(list)
    _counts: bool = False

    def flat(self, body: Body, t: ValType, source: Iterator[str]) -> str:
        """Write the lifting of `t` from core values, variables that `source` names; return the value's expression."""
        self._count(body, t)
        match t:
            case Prim.BOOL:
                return f"{next(source)} != 0"
            case Prim.U8 | Prim.U16:
                return f"{next(source)} & {_FLAT_MASKS[t]}"
            case Prim.S8 | Prim.S16 | Prim.S32 | Prim.S64:
                sign = _SIGN_BITS[t]
                return f"({next(source)} & {2 * sign - 1} ^ {sign}) - {sign}"
            case ListType(length=int(length)):
                items = ", ".join([self.flat(body, t.element, source) for _ in range(length)])
                return f"bytes([{items}])" if t.element is Prim.U8 else f"[{items}]"
            case RecordType() | TupleType():
                return self._fields(body, t, [self.flat(body, field, source) for field in field_types(t)])
            case VariantType() | OptionType() | ResultType():
                return self._flat_variant(body, t, source)
            case _:
                return self._common(body, t, source)

    def stored(self, body: Body, t: ValType, source: Iterator[str]) -> str:
        """Write the lifting of `t` from the words of a struct; return the value's expression."""
        match t:
            case ListType(length=int()):
                data = body.assign(f"memoryview({next(source)})")
                return body.assign(f"{self._elements(t.element)}(cx, scope, {data}, 0, {elem_size(t, self._m64)})")
            case RecordType() | TupleType():
                return self._fields(body, t, [self._child(body, field, source) for field in field_types(t)])
            case VariantType() | OptionType() | ResultType():
                return self._stored_variant(body, t, source)
            case _:
                return self._common(body, t, source)

    def from_memory(self, body: Body, t: ValType, pointer: str) -> str:
        """Write the lifting of `t` from where the unchecked `pointer` points."""
        self._count(body, t)
        size, align = elem_size(t, self._m64), alignment(t, self._m64)
        view = body.assign(f"{self.bind(memory.pointed_view)}(cx, {pointer}, {size}, {align})")
        names = self._unpack(body, t, f"{view}, {pointer}")
        return self.stored(body, t, iter(names))

    def elements_function(self, t: ValType) -> str:
        """Return the function ``(cx, scope, view, ptr, end)`` that lifts the elements in a checked range."""
        return self._elements(t)

    def _count(self, body: Body, t: ValType) -> None:
        """Begin to count what is lifted, once a module and before anything whose size the guest chooses."""
        if not self._counts and is_unbounded(t):
            self._counts = True
            body.line("cx.lifted = 0")

    def bind(self, value: object) -> str:
        """Return the global name of `value`."""
        return self.module.bind(value)

    @property
    def _m64(self) -> bool:
        return self.plan.memory64

    def _common(self, body: Body, t: ValType, source: Iterator[str]) -> str:
        """Lift what looks the same flat and in memory."""
        word = next(source)
        match t:
            case Prim.CHAR:
                body.line(f"if {word} > 0x10FFFF or 0xD7FF < {word} < 0xE000: {self.bind(memory.bad_char)}({word})")
                return f"chr({word})"
            case Prim.STRING:
                return body.assign(self._string(word, next(source)))
            case ListType() | MapType():
                return body.assign(f"{self._list_function(t)}(cx, scope, {word}, {next(source)})")
            case EnumType():
                self._check_case(body, word, len(t.labels))
                return f"{self.bind(tuple(python_class(t)))}[{word}]"  # type: ignore[arg-type]
            case FlagsType():
                return f"{self.bind(python_class(t))}({word} & {(1 << len(t.labels)) - 1})"
            case OwnType() | StreamType() | FutureType() | BorrowType() | Prim.ERROR_CONTEXT:
                return body.assign(self._handle(t, word))
            case _:
                return word

    def _handle(self, t: ValType, word: str) -> str:
        match t:
            case OwnType():
                return f"{self.bind(handle_function('lift_own'))}(cx, {word}, {self.bind(t.resource)})"
            case BorrowType():
                return f"{self.bind(handle_function('lift_borrow'))}(cx, scope, {word}, {self.bind(t.resource)})"
            case StreamType():
                return f"{self.bind(handle_function('lift_stream'))}(cx, {word}, {self.bind(t)})"
            case FutureType():
                return f"{self.bind(handle_function('lift_future'))}(cx, {word}, {self.bind(t)})"
            case _:
                return f"{self.bind(handle_function('lift_error_context'))}(cx, {word})"

    def _string(self, pointer: str, length: str) -> str:
        match self.encoding:
            case "utf8":
                return f"{self.bind(strings.lift_utf8)}(cx, {pointer}, {length})"
            case "utf16":
                return f"{self.bind(strings.lift_utf16)}(cx, {pointer}, {length})"
            case _:
                tag = strings.utf16_tag(self._m64)
                return f"{self.bind(strings.lift_latin1_utf16)}(cx, {pointer}, {length}, {tag})"

    def _fields(self, body: Body, t: RecordType | TupleType, values: list[str]) -> str:
        if isinstance(t, RecordType):
            return body.assign(f"{self.bind(python_class(t))}({', '.join(values)})")
        return body.assign(f"({', '.join(values)},)")

    def _child(self, body: Body, t: ValType, source: Iterator[str]) -> str:
        if not self.plan.is_opaque(t):
            return self.stored(body, t, source)
        return body.assign(f"{self._block_function(t)}(cx, scope, {next(source)}, 0)")

    def _block_function(self, t: ValType) -> str:
        """Return the function ``(cx, scope, data, offset)`` that lifts one `t` from a buffer."""
        return self._function("block", t, "cx, scope, data, offset", self._write_block)

    def _write_block(self, body: Body, t: ValType) -> None:
        names = self._unpack(body, t, "data, offset")
        body.line(f"return {self.stored(body, t, iter(names))}")

    def _unpack(self, body: Body, t: ValType, place: str) -> list[str]:
        names = [body.temp() for _ in self.plan.words(t)]
        unpack = self.bind(Struct(self.plan.format(t)).unpack_from)
        body.line(f"{', '.join(names)}, = {unpack}({place})")
        return names

    def _function(self, kind: str, t: ValType, params: str, write: Any) -> str:
        name = self._functions.get((kind, id(t)))
        if name is None:
            self._kept.append(t)  # so that its id stays its own
            name, body = self.module.function(params)
            self._functions[kind, id(t)] = name
            write(body, t)
        return name

    def _list_function(self, t: ListType | MapType) -> str:
        """Return the function ``(cx, scope, ptr, length)`` that lifts a list or a map from an unchecked range."""
        return self._function("list", t, "cx, scope, ptr, length", self._write_list)

    def _write_list(self, body: Body, t: ListType | MapType) -> None:
        element = TupleType((t.key, t.value)) if isinstance(t, MapType) else t.element
        size, align = elem_size(element, self._m64), alignment(element, self._m64)
        body.line(f"size = length * {size}")
        cost = entry_cost(t) if isinstance(t, MapType) else element_cost(element)
        body.line(f"view = {self.bind(memory.list_view)}(cx, ptr, size, {align}, length * {cost})")
        if isinstance(t, MapType):
            body.line(f"return {self.bind(lifted_map)}({self._elements(element)}(cx, scope, view, ptr, ptr + size))")
        else:
            self._write_elements(body, element, "ptr + size")

    def _elements(self, t: ValType) -> str:
        return self._function("elements", t, "cx, scope, view, ptr, end", self._write_elements)

    def _write_elements(self, body: Body, t: ValType, end: str = "end") -> None:
        fmt = numbers.NUMBER_FORMATS.get(t) if isinstance(t, Prim) else None
        if t is Prim.U8:
            body.line(f"return bytes(view[ptr:{end}])")
        elif t is Prim.BOOL:
            body.line(f"return list(map(bool, view[ptr:{end}]))")
        elif fmt is not None:
            body.line(f"return {self.bind(numbers.load_numbers)}(view, ptr, {end}, {fmt!r})")
        else:
            self._write_loop(body, t, f"view[ptr:{end}]")

    def _write_loop(self, body: Body, t: ValType, data: str) -> None:
        names = [body.temp() for _ in self.plan.words(t)]
        rows = f"{self.bind(Struct(self.plan.format(t)).iter_unpack)}({data})"
        body.line("out = []")
        body.line("add = out.append")
        with body.block(f"for {', '.join(names)}, in {rows}:"):
            body.line(f"add({self.stored(body, t, iter(names))})")
        body.line("return out")

    def _check_case(self, body: Body, word: str, count: int) -> None:
        body.line(f"if {word} >= {count}: {self.bind(memory.bad_case)}({word}, {count})")

    def _case_value(self, t: VariantLike, made: Any, payload: str | None) -> str:
        """Return the expression of a case, of which `made` is the class, with the payload's expression."""
        if isinstance(t, OptionType):
            if payload is None:
                return "None"
            return f"{self.bind(Some)}({payload})" if isinstance(t.payload, OptionType) else payload
        return self.bind(made()) if payload is None else f"{self.bind(made)}({payload})"

    def _flat_variant(self, body: Body, t: VariantLike, source: Iterator[str]) -> str:
        cases = case_types(t)
        word = next(source)
        joined = flatten_type(t, self._m64)[1:]
        carriers = list(zip(islice(source, len(joined)), joined, strict=True))
        classes = _case_classes(t)
        result = body.temp()

        def write_case(index: int) -> None:
            case = cases[index]
            payload = None
            if case is not None:
                wanted = flatten_type(case, self._m64)
                names = [
                    self._coerce(body, name, have, want) for (name, have), want in zip(carriers, wanted, strict=False)
                ]
                payload = self.flat(body, case, iter(names))
            body.line(f"{result} = {self._case_value(t, classes[index], payload)}")

        self._check_case(body, word, len(cases))
        dispatch(body, word, 0, len(cases), write_case)
        return result

    def _coerce(self, body: Body, name: str, have: str, want: str) -> str:
        if have == want:
            return name
        bits = name if have == "i32" or want == "f64" else f"{name} & 0xFFFFFFFF"
        if want == "i32":
            return body.assign(bits)
        from_bits = accept.f32_from_bits if want == "f32" else accept.f64_from_bits
        return body.assign(f"{self.bind(from_bits)}({bits})")

    def _stored_variant(self, body: Body, t: VariantLike, source: Iterator[str]) -> str:
        cases = case_types(t)
        words = list(islice(source, len(self.plan.words(t))))
        classes = _case_classes(t)
        result = body.temp()

        def write_case(index: int) -> None:
            payload = self._stored_payload(body, t, cases[index], words[1:])
            body.line(f"{result} = {self._case_value(t, classes[index], payload)}")

        self._check_case(body, words[0], len(cases))
        dispatch(body, words[0], 0, len(cases), write_case)
        return result

    def _stored_payload(self, body: Body, t: VariantLike, case: ValType | None, words: list[str]) -> str | None:
        if case is None:
            return None
        if not self.plan.payload_size(t):
            return self._child(body, case, iter(words))
        if self.plan.is_opaque(case):
            return body.assign(f"{self._block_function(case)}(cx, scope, {words[0]}, 0)")
        names = self._unpack(body, case, words[0])
        return self.stored(body, case, iter(names))


def _case_classes(t: VariantLike) -> tuple[Any, ...]:
    match t:
        case ResultType():
            return (Ok, Err)
        case VariantType():
            return case_classes(t)
        case _:
            return (None, None)


__all__ = ["LiftSource"]
