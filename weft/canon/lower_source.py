"""Source text that lowers: Python values in, core values and memory out.

Source: CanonicalABI.md, "Storing" and "Flat Lowering".
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Any, final

from attrs import Factory, define

from weft.canon import accept, memory, numbers, strings
from weft.canon.dispatch import dispatch, handle_function
from weft.canon.flatten import flatten_type
from weft.canon.layout import VariantLike, alignment, elem_size, field_types
from weft.canon.names import snake_name
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
from weft.canon.values import Err, Ok, Some, case_classes, python_class
from weft.errors import TrapCode

if TYPE_CHECKING:
    from weft.canon.module import Body, Module
    from weft.canon.words import WordPlan

_SIGNED_MASKS = {Prim.S8: "0xFFFFFFFF", Prim.S16: "0xFFFFFFFF", Prim.S32: "0xFFFFFFFF", Prim.S64: "0xFFFFFFFFFFFFFFFF"}


@final
@define(eq=False)
class LowerSource:
    """Writes the lowering functions of one module.

    Variables named in arguments (`v`) may be assigned again by what is written.
    """

    module: Module
    plan: WordPlan
    encoding: str
    _functions: dict[tuple[str, int], str] = Factory(dict)
    _kept: list[ValType] = Factory(list)

    def flat(self, body: Body, t: ValType, v: str) -> list[str]:
        """Write the lowering of the variable `v` to core values; return their expressions."""
        match t:
            case Prim.BOOL:
                self._check_bool(body, v)
                return [f"+{v}"]
            case Prim.S8 | Prim.S16 | Prim.S32 | Prim.S64:
                self._check_int(body, v, t)
                return [f"{v} & {_SIGNED_MASKS[t]}"]
            case Prim.F32:
                return [body.assign(f"{self.bind(accept.as_f32)}({v})")]
            case ListType(length=int(length)):
                return self._flat_fixed(body, t, v, length)
            case RecordType() | TupleType():
                fields = self._open(body, t, v)
                return [core for field, name in fields for core in self.flat(body, field, name)]
            case VariantType() | OptionType() | ResultType():
                return self._flat_variant(body, t, v)
            case _:
                return self._common(body, t, v)

    def stored(self, body: Body, t: ValType, v: str) -> list[str]:
        """Write the lowering of the variable `v` to the words of a struct; return their expressions."""
        match t:
            case Prim.BOOL:
                self._check_bool(body, v)
                return [v]
            case Prim.S8 | Prim.S16 | Prim.S32 | Prim.S64:
                self._check_int(body, v, t)
                return [v]
            case Prim.F32:
                limit = self.bind(accept.F32_MAX)
                test = f"type({v}) is not float or not -{limit} <= {v} <= {limit}"
                body.line(f"if {test}: {v} = {self.bind(accept.as_f32)}({v})")
                return [v]
            case ListType(length=int()):
                return self._stored_fixed(body, t, v)
            case RecordType() | TupleType():
                fields = self._open(body, t, v)
                return [word for field, name in fields for word in self._child(body, field, name)]
            case VariantType() | OptionType() | ResultType():
                return self._stored_variant(body, t, v)
            case _:
                return self._common(body, t, v)

    def to_memory(self, body: Body, t: ValType, v: str, pointer: str) -> None:
        """Write the lowering of the variable `v` to the checked `pointer`."""
        words = self.stored(body, t, v)
        pack = self.bind(Struct(self.plan.format(t)).pack_into)
        body.line(f"{pack}(cx.memory.view, {pointer}, {', '.join(words)})")

    def allocated(self, body: Body, t: ValType, v: str) -> str:
        """Write the lowering of the variable `v` to memory from realloc; return the pointer's name."""
        size, align = elem_size(t, self._m64), alignment(t, self._m64)
        pointer = body.assign(f"{self.bind(memory.allocate)}(cx, {align}, {size})")
        self.to_memory(body, t, v, pointer)
        return pointer

    def elements_function(self, t: ValType) -> str:
        """Return the function ``(cx, scope, values, view, ptr)`` that stores elements into a checked range."""
        return self._function("elements", t, "cx, scope, values, view, ptr", self._write_elements)

    def bind(self, value: object) -> str:
        """Return the global name of `value`."""
        return self.module.bind(value)

    @property
    def _m64(self) -> bool:
        return self.plan.memory64

    def _common(self, body: Body, t: ValType, v: str) -> list[str]:
        """Lower what looks the same flat and in memory."""
        match t:
            case Prim.F64:
                test = f"type({v}) is not float or {v} != {v}"
                body.line(f"if {test}: {v} = {self.bind(accept.as_f64)}({v})")
                return [v]
            case Prim.CHAR:
                return [body.assign(f"{self.bind(accept.as_char)}({v})")]
            case Prim.STRING:
                return self._pair(body, self._string(v))
            case ListType() | MapType():
                return self._pair(body, self._list(t, v))
            case EnumType():
                return [self._enum(body, t, v)]
            case FlagsType():
                own, labels = self.bind(python_class(t)), self.bind(t.labels)
                slow = f"{self.bind(accept.flags_bits)}({v}, {labels})"
                return [body.assign(f"{v}._value_ if type({v}) is {own} else {slow}")]
            case OwnType() | StreamType() | FutureType() | BorrowType() | Prim.ERROR_CONTEXT:
                return [body.assign(self._handle(t, v))]
            case _:
                self._check_int(body, v, t)
                return [v]

    def _handle(self, t: ValType, v: str) -> str:
        match t:
            case OwnType():
                return f"{self.bind(handle_function('lower_own'))}(cx, {v}, {self.bind(t.resource)})"
            case BorrowType():
                return f"{self.bind(handle_function('lower_borrow'))}(cx, scope, {v}, {self.bind(t.resource)})"
            case StreamType():
                return f"{self.bind(handle_function('lower_stream'))}(cx, {v}, {self.bind(t)})"
            case FutureType():
                return f"{self.bind(handle_function('lower_future'))}(cx, {v}, {self.bind(t)})"
            case _:
                return f"{self.bind(handle_function('lower_error_context'))}(cx, {v})"

    def _check_bool(self, body: Body, v: str) -> None:
        body.line(f"if {v} is not True and {v} is not False: {self.bind(accept.not_bool)}({v})")

    def _check_int(self, body: Body, v: str, t: ValType) -> None:
        assert isinstance(t, Prim)
        name = t.value
        low, high = accept.INT_RANGES[name]
        test = f"type({v}) is not int or not {low} <= {v} <= {high}"
        body.line(f"if {test}: {v} = {self.bind(accept.as_int)}({v}, {name!r})")

    def _pair(self, body: Body, call: str) -> list[str]:
        pointer, length = body.temp(), body.temp()
        body.line(f"{pointer}, {length} = {call}")
        return [pointer, length]

    def _string(self, v: str) -> str:
        match self.encoding:
            case "utf8":
                return f"{self.bind(strings.lower_utf8)}(cx, {v})"
            case "utf16":
                return f"{self.bind(strings.lower_utf16)}(cx, {v})"
            case _:
                return f"{self.bind(strings.lower_latin1_utf16)}(cx, {v}, {strings.utf16_tag(self._m64)})"

    def _enum(self, body: Body, t: EnumType, v: str) -> str:
        own = self.bind(python_class(t))
        index_of = self.bind({label: i for i, label in enumerate(t.labels)})
        slow = f"{self.bind(accept.enum_index)}({v}, {self.bind(t.labels)})"
        return body.assign(f"{index_of}[{v}._value_] if type({v}) is {own} else {slow}")

    def _open(self, body: Body, t: RecordType | TupleType, v: str) -> list[tuple[ValType, str]]:
        """Write the taking apart of a record or tuple; return its fields' types and variables."""
        types = field_types(t)
        names = [body.temp() for _ in types]
        targets = f"{', '.join(names)},"
        if isinstance(t, TupleType):
            body.line(f"if type({v}) is not tuple: {v} = {self.bind(accept.as_tuple)}({v}, {len(types)})")
            body.line(f"{targets} = {v}")
        else:
            labels = tuple(field.name for field in t.fields)
            attributes = tuple(snake_name(label) for label in labels)
            with body.block(f"if type({v}) is {self.bind(python_class(t))}:"):
                for name, attribute in zip(names, attributes, strict=True):
                    body.line(f"{name} = {v}.{attribute}")
            with body.block("else:"):
                arguments = f"{v}, {self.bind(labels)}, {self.bind(attributes)}"
                body.line(f"{targets} = {self.bind(accept.record_values)}({arguments})")
        return list(zip(types, names, strict=True))

    def _child(self, body: Body, t: ValType, v: str) -> list[str]:
        if not self.plan.is_opaque(t):
            return self.stored(body, t, v)
        return [body.assign(f"{self._block_function(t)}(cx, scope, {v})")]

    def _block_function(self, t: ValType) -> str:
        """Return the function ``(cx, scope, v)`` that lowers one `t` to bytes."""
        return self._function("block", t, "cx, scope, v", self._write_block)

    def _write_block(self, body: Body, t: ValType) -> None:
        body.line(f"return {self._packed(body, t, 'v')}")

    def _packed(self, body: Body, t: ValType, v: str) -> str:
        words = self.stored(body, t, v)
        return f"{self.bind(Struct(self.plan.format(t)).pack)}({', '.join(words)})"

    def _function(self, kind: str, t: ValType, params: str, write: Any) -> str:
        name = self._functions.get((kind, id(t)))
        if name is None:
            self._kept.append(t)  # so that its id stays its own
            name, body = self.module.function(params)
            self._functions[kind, id(t)] = name
            write(body, t)
        return name

    def _list(self, t: ListType | MapType, v: str) -> str:
        fmt = numbers.NUMBER_FORMATS.get(t.element) if isinstance(t, ListType) and isinstance(t.element, Prim) else None
        if fmt is not None:
            return f"{self.bind(numbers.lower_numbers)}(cx, {v}, {fmt!r}, {Struct('<' + fmt).size})"
        return f"{self._function('list', t, 'cx, scope, values', self._write_list)}(cx, scope, {v})"

    def _write_list(self, body: Body, t: ListType | MapType) -> None:
        """Write the function ``(cx, scope, values)`` that stores a list or a map and returns its range."""
        if isinstance(t, MapType):
            element: ValType = TupleType((t.key, t.value))
            body.line(f"values = {self.bind(accept.as_items)}(values)")
        else:
            element = t.element
            self._take_sequence(body)
        size, align = elem_size(element, self._m64), alignment(element, self._m64)
        allocate, code = self.bind(memory.allocate), self.bind(TrapCode.LIST_OUT_OF_BOUNDS)
        body.line("length = len(values)")
        body.line(f"ptr = {allocate}(cx, {align}, length * {size}, {code})")
        body.line("view = cx.memory.view")
        self._write_loop(body, element, "length")
        body.line("return ptr, length")

    def _take_sequence(self, body: Body) -> None:
        body.line(f"if type(values) is not list: values = {self.bind(numbers.as_sequence)}(values)")

    def _write_elements(self, body: Body, t: ValType) -> None:
        fmt = numbers.NUMBER_FORMATS.get(t) if isinstance(t, Prim) else None
        if fmt is not None:
            body.line(f"data = {self.bind(numbers.number_bytes)}(values, {fmt!r})")
            body.line("view[ptr:ptr + len(data)] = data")
            return
        self._take_sequence(body)
        self._write_loop(body, t, "len(values)")

    def _write_loop(self, body: Body, t: ValType, length: str) -> None:
        # `zip` ends with the shorter of both: a list that grows meanwhile is not written past its range. A view from
        # before a later growth is still good for that range.
        size = elem_size(t, self._m64)
        v, at = body.temp(), body.temp()
        with body.block(f"for {v}, {at} in zip(values, range(ptr, ptr + {length} * {size}, {size})):"):
            words = self.stored(body, t, v)
            body.line(f"{self.bind(Struct(self.plan.format(t)).pack_into)}(view, {at}, {', '.join(words)})")

    def _flat_fixed(self, body: Body, t: ListType, v: str, length: int) -> list[str]:
        items = [body.temp() for _ in range(length)]
        body.line(f"{', '.join(items)}, = {self.bind(accept.as_fixed)}({v}, {length})")
        return [core for item in items for core in self.flat(body, t.element, item)]

    def _stored_fixed(self, body: Body, t: ListType, v: str) -> list[str]:
        values = body.assign(f"{self.bind(accept.as_fixed)}({v}, {t.length})")
        data = body.assign(f"bytearray({elem_size(t, self._m64)})")
        view = f"memoryview({data})"
        body.line(f"{self.elements_function(t.element)}(cx, scope, {values}, {view}, 0)")
        return [data]

    def _flat_variant(self, body: Body, t: VariantLike, v: str) -> list[str]:
        joined = flatten_type(t, self._m64)[1:]
        results = [body.temp() for _ in joined]

        def write_payload(case: ValType | None, payload: str) -> None:
            cores: list[str] = []
            if case is not None:
                have = flatten_type(case, self._m64)
                cores = [
                    self._coerce(core, *types)
                    for core, *types in zip(self.flat(body, case, payload), have, joined, strict=False)
                ]
            zeros = ["0.0" if core in {"f32", "f64"} else "0" for core in joined[len(cores) :]]
            if results:
                body.line(f"{', '.join(results)}, = {', '.join([*cores, *zeros])},")

        return [self._variant(body, t, v, write_payload), *results]

    def _coerce(self, core: str, have: str, want: str) -> str:
        if have in (want, "i32"):
            return core
        return f"{self.bind(accept.f32_bits if have == 'f32' else accept.f64_bits)}({core})"

    def _stored_variant(self, body: Body, t: VariantLike, v: str) -> list[str]:
        words = self.plan.words(t)[1:]
        results = [body.temp() for _ in words]

        def write_payload(case: ValType | None, payload: str) -> None:
            if not results:
                return
            if case is None:
                values = [word.zero for word in words]
            elif not self.plan.payload_size(t):
                values = self._child(body, case, payload)
            elif self.plan.is_opaque(case):
                values = [f"{self._block_function(case)}(cx, scope, {payload})"]
            else:
                values = [self._packed(body, case, payload)]
            body.line(f"{', '.join(results)}, = {', '.join(values)},")

        return [self._variant(body, t, v, write_payload), *results]

    def _variant(self, body: Body, t: VariantLike, v: str, write_payload: Any) -> str:
        """Write the choice of the case of `v` and, for each case, what `write_payload` writes; return the index."""
        match t:
            case OptionType():
                return self._option(body, t, v, write_payload)
            case ResultType():
                return self._result(body, t, v, write_payload)
            case _:
                return self._cases(body, t, v, write_payload)  # type: ignore[arg-type]

    def _option(self, body: Body, t: OptionType, v: str, write_payload: Any) -> str:
        index = body.temp()
        with body.block(f"if {v} is None:"):
            body.line(f"{index} = 0")
            write_payload(None, v)
        with body.block("else:"):
            body.line(f"{index} = 1")
            body.line(f"if type({v}) is {self.bind(Some)}: {v} = {v}.value")
            if isinstance(t.payload, OptionType):
                body.line(f"else: {self.bind(accept.not_some)}({v})")
            write_payload(t.payload, v)
        return index

    def _result(self, body: Body, t: ResultType, v: str, write_payload: Any) -> str:
        index = body.temp()
        for i, (made, payload, label) in enumerate(((Ok, t.ok, "ok"), (Err, t.err, "error"))):
            with body.block(f"{'elif' if i else 'if'} type({v}) is {self.bind(made)}:"):
                body.line(f"{index} = {i}")
                body.line(f"{v} = {v}.value")
                self._no_payload(body, payload, v, label)
                write_payload(payload, v)
        body.line(f"else: {self.bind(accept.not_result)}({v})")
        return index

    def _cases(self, body: Body, t: VariantType, v: str, write_payload: Any) -> str:
        index_of = self.bind({made: i for i, made in enumerate(case_classes(t))})
        index = body.assign(f"{index_of}.get(type({v}))")
        slow = f"{self.bind(accept.variant_parts)}({v}, {self.bind(t.cases)})"
        body.line(f"if {index} is None: {index}, {v} = {slow}")
        body.line(f"else: {v} = {v}.value")

        def write_case(i: int) -> None:
            body.line("pass")
            write_payload(t.cases[i].type, v)

        if any(case.type is not None for case in t.cases):
            dispatch(body, index, 0, len(t.cases), write_case)
        return index

    def _no_payload(self, body: Body, t: ValType | None, v: str, label: str) -> None:
        if t is None:
            body.line(f"{self.bind(accept.no_payload)}({v}, {f'result case {label!r}'!r})")


__all__ = ["LowerSource"]
