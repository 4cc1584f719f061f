"""The skeleton of a component: its types and wiring without its code, small enough to hand to Wasmtime for validation.

What Wasmtime's C API has no switch for is replaced by something that validates alike: of the same core signature
(built-ins) or of the same flattening (types). Index spaces stay as they are. `weft.component.checks` makes good what
these stand-ins lose.

Source: Binary.md, "Component Definitions".
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Final, final

from attrs import define, field

from weft.canon.types import Prim
from weft.component import _encode, narrow
from weft.component._decode_types import PRIMITIVES
from weft.component.hyphens import spell
from weft.component.module_skeleton import DONATED, module_skeleton
from weft.component.plan import (
    ConcreteRef,
    ContextBuiltin,
    CoreInstantiate,
    CoreModule,
    ErrorContextBuiltin,
    Export,
    FromExports,
    ListDef,
    NestedComponent,
    PlainBuiltin,
    Sort,
    SortIndex,
    ThreadNewIndirect,
    ThreadSwitch,
    sort_added,
)
from weft.component.reader import Reader
from weft.errors import ValidationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weft.component.plan import ComponentPlan, Gated, GatedUse, ValTypeRef

_CODES: Final = {prim: bytes([code]) for code, prim in PRIMITIVES.items()} | {Prim.ERROR_CONTEXT: b"\x79"}
"""How primitives are encoded in a skeleton: error-context as u32."""

_DIGITS: Final = (Prim.BOOL, Prim.S8, Prim.U8, Prim.S16, Prim.U16, Prim.S32, Prim.U32, Prim.S64)
_MAX_FLAT: Final = 16

_PLAIN_STAND_INS: Final = {
    "thread.index": b"\x1f",  # waitable-set.new: [] -> [i32]
    "thread.resume-later": b"\x22",  # waitable-set.drop: [i32] -> []
    "error-context.drop": b"\x22",
}
_CONTEXT_CODES: Final = {"context.get": b"\x0a", "context.set": b"\x0b", "i32": b"\x7f", "i64": b"\x7e"}
_SWITCH_STAND_INS: Final = {
    "thread.suspend": b"\x0c\x00",  # thread.yield: [] -> [i32]
    "thread.suspend-then-resume": b"\x06\x00",  # subtask.cancel: [i32] -> [i32]
    "thread.yield-then-resume": b"\x06\x00",
    "thread.suspend-then-promote": b"\x06\x00",
    "thread.yield-then-promote": b"\x06\x00",
}


def skeleton(data: bytes, plan: ComponentPlan, *, narrowed: bool = False) -> bytes:
    """Return the skeleton of the component `data`, whose plan is `plan`.

    Args:
        data: the whole component.
        plan: what the decoder made of it.
        narrowed: make what is 64 bits wide 32 bits wide, see `weft.component.narrow`; then `plan` must say where it is.

    Raises:
        ValidationError: the component uses a feature that no stand-in exists for.
    """
    return _Skeleton(plan, narrowed, _modules_leave(plan)).render(Reader(data, 0, len(data)))


@final
@define(eq=False)
class _Skeleton:
    """The making of one component's skeleton.

    Attributes:
        plan: the component's.
        narrowed: whether what is 64 bits wide becomes 32 bits wide.
        modules_leave: whether a core module is exported, by this component or by another one in the tree.
        uses: its gated uses by offset.
        starts: their offsets.
        donor: where functions for `ThreadNewIndirect` come from, when it is used.
    """

    plan: ComponentPlan
    narrowed: bool
    modules_leave: bool
    uses: list[GatedUse] = field(init=False)
    starts: list[int] = field(init=False)
    donor: _Donor | None = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.uses = sorted(self.plan.gated, key=lambda use: use.start)
        self.starts = [use.start for use in self.uses]
        indirect = any(isinstance(use.what, ThreadNewIndirect) for use in self.uses)
        self.donor = _find_donor(self.plan) if indirect else None

    def render(self, reader: Reader) -> bytes:
        """Return the skeleton of the component in the window of `reader`."""
        chunks = [reader.bytes(8)]
        nested = (definition.plan for definition in self.plan.definitions if isinstance(definition, NestedComponent))
        while not reader.at_end():
            section_id = reader.byte()
            section = reader.window(reader.u32())
            match section_id:
                case 0:
                    pass
                case 1:
                    module = section.data[section.position : section.end]
                    donor = self.donor is not None and self.donor.module_offset == section.position
                    small = module_skeleton(module, donor=donor, narrowed=self.narrowed, leaves=self.modules_leave)
                    chunks.append(_encode.section(1, small))
                case 4:
                    chunks.append(
                        _encode.section(4, _Skeleton(next(nested), self.narrowed, self.modules_leave).render(section))
                    )
                case 8:
                    chunks += self._canons(section)
                case _:
                    chunks.append(_encode.section(section_id, self._patched(section, section.end)))
        return b"".join(chunks)

    def _patched(self, reader: Reader, end: int) -> bytes:
        """Return the bytes up to `end` with gated uses replaced; of nested uses the outer one counts."""
        chunks: list[bytes] = []
        for use in self.uses[bisect_left(self.starts, reader.position) : bisect_left(self.starts, end)]:
            if use.start >= reader.position:
                chunks += (reader.bytes(use.start - reader.position), _stand_in(use, self.narrowed))
                reader.position = use.end
        chunks.append(reader.bytes(end - reader.position))
        return b"".join(chunks)

    def _canons(self, section: Reader) -> Iterator[bytes]:
        """Yield a canon section, cut where an item becomes an alias of the donor's function."""
        offsets = self.plan.offsets
        first, stop = bisect_left(offsets, section.position), bisect_left(offsets, section.end)
        section.u32()
        run: list[bytes] = []
        for index in range(first, stop):
            end = offsets[index + 1] if index + 1 < stop else section.end
            if isinstance(self.plan.definitions[index], ThreadNewIndirect):
                yield _encode.section(8, _encode.leb(len(run)), *run)
                yield self._donated(section.position)
                run, section.position = [], end
            else:
                run.append(self._patched(section, end))
        yield _encode.section(8, _encode.leb(len(run)), *run)

    def _donated(self, offset: int) -> bytes:
        """Return an alias section that adds a core function [i32 i32] -> [i32]."""
        if self.donor is None or self.donor.instance_offset > offset:
            raise ValidationError(
                f"`thread.new-indirect` at offset {offset:#x}: no core module of this component before it"
            )
        return _encode.section(6, b"\x01\x00\x00\x01", _encode.leb(self.donor.instance), _encode.name(DONATED))


@final
@define(eq=False)
class _Donor:
    """The first core instance of a component that is made from a module of the component's own.

    Attributes:
        instance: its core instance index.
        instance_offset: where it is defined.
        module_offset: where its module starts.
    """

    instance: int
    instance_offset: int
    module_offset: int


def _modules_leave(plan: ComponentPlan) -> bool:
    for definition in plan.definitions:
        match definition:
            case Export(target=SortIndex(sort=Sort.CORE_MODULE)):
                return True
            case FromExports(exports=exports) if any(e.target.sort is Sort.CORE_MODULE for e in exports):
                return True
            case NestedComponent(plan=nested) if _modules_leave(nested):
                return True
            case _:
                pass
    return False


def _find_donor(plan: ComponentPlan) -> _Donor | None:
    modules: list[CoreModule | None] = []
    instances = 0
    for definition, offset in zip(plan.definitions, plan.offsets, strict=True):
        sort = sort_added(definition)
        if sort is Sort.CORE_MODULE:
            modules.append(definition if isinstance(definition, CoreModule) else None)
        elif sort is Sort.CORE_INSTANCE:
            index = definition.module if isinstance(definition, CoreInstantiate) else len(modules)
            module = modules[index] if index < len(modules) else None
            if module is not None:
                return _Donor(instances, offset, module.offset)
            instances += 1
    return None


def _stand_in(use: GatedUse, narrowed: bool) -> bytes:
    match use.what:
        case bytes(narrower):
            return narrower
        case Prim.ERROR_CONTEXT:
            return _CODES[Prim.ERROR_CONTEXT]
        case ListDef(element=element, length=length):
            return _tuple_like(_value_type(element, narrowed), length or 0)
        case PlainBuiltin(name=name):
            return _PLAIN_STAND_INS[name]
        case ThreadSwitch(name=name):
            return _SWITCH_STAND_INS[name]
        case ErrorContextBuiltin(name="error-context.new", options=options) if options.memory is not None:
            return b"\x21\x00" + _encode.leb(options.memory)  # waitable-set.poll: [i32 i32] -> [i32]
        case ErrorContextBuiltin(name="error-context.debug-message"):
            return b"\x23"  # waitable.join: [i32 i32] -> []
        case ContextBuiltin(name=name, type="i32" | "i64" as slot_type):
            return _CONTEXT_CODES[name] + _CONTEXT_CODES["i32" if narrowed else slot_type] + b"\x00"
        case str(name):
            return _encode.name(spell(name))
        case ConcreteRef():
            raise ValidationError(f"a reference to a core type at offset {use.start:#x} is not supported")
        case _:
            raise ValidationError(f"{_describe(use.what)} at offset {use.start:#x} is not supported")


def _describe(what: Gated) -> str:
    return f"`{getattr(what, 'name', type(what).__name__)}`"


def _tuple_like(element: bytes, length: int) -> bytes:
    """Return a tuple type that flattens as a list of fixed length does; lists of different lengths stay different.

    Above the flattening limits the length is spelled in digits, so that nested lists do not multiply.
    """
    if length == 0:
        raise ValidationError("a fixed-length list must have at least one element")
    if length <= _MAX_FLAT:
        return b"\x6f" + _encode.leb(length) + element * length
    digits = [_DIGITS[length >> shift & 7] for shift in range(0, 33, 3)]
    padding = [Prim.BOOL] * (_MAX_FLAT + 1 - len(digits))
    tail = b"".join(_CODES[prim] for prim in (*digits, *padding))
    return b"\x6f" + _encode.leb(_MAX_FLAT + 2) + element + tail


def _value_type(ref: ValTypeRef, narrowed: bool) -> bytes:
    if narrowed and ref in narrow.PRIMITIVES:
        return narrow.PRIMITIVES[ref]
    return _CODES[ref] if isinstance(ref, Prim) else _encode.type_index(ref)


__all__ = ["skeleton"]
