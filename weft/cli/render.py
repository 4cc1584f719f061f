"""The printer of WAVE: component values as text.

Source: the WebAssembly Value Encoding of wasm-tools (the ``wasm-wave`` crate), its README.
"""

from __future__ import annotations

import math
import struct
from typing import Any

from weft.canon.types import (
    EnumType,
    FlagsType,
    ListType,
    MapType,
    OptionType,
    Prim,
    RecordType,
    ResultType,
    TupleType,
    ValType,
    VariantType,
)
from weft.cli import shapes
from weft.cli.wave import KEYWORDS


def render(type_: ValType, value: Any) -> str:
    """Print a value that a guest function returned. Handles, streams and futures print as ``<type>``."""
    match type_:
        case Prim():
            return _render_primitive(type_, value)
        case ListType(element=element):
            return f"[{', '.join(render(element, item) for item in value)}]"
        case TupleType(types=types):
            return f"({', '.join(map(render, types, value))})"
        case RecordType(fields=fields):
            values = shapes.record_fields(type_, value)
            inner = ", ".join(f"{field.name}: {render(field.type, values[field.name])}" for field in fields)
            return f"{{{inner}}}"
        case VariantType(cases=cases):
            name, payload = shapes.variant_parts(value)
            payload_type = next(case.type for case in cases if case.name == name)
            return _render_case(_label(name), payload_type, payload)
        case EnumType():
            return _label(shapes.enum_label(value))
        case FlagsType():
            present = shapes.flags_labels(type_, value)
            return f"{{{', '.join(label for label in present)}}}"
        case OptionType(payload=payload_type):
            some = shapes.option_payload(value)
            return "none" if some is None else _render_case("some", payload_type, some[0])
        case ResultType():
            is_ok, payload = shapes.result_parts(value)
            return _render_case("ok" if is_ok else "err", type_.ok if is_ok else type_.err, payload)
        case MapType(key=key_type, value=value_type):
            items = (f"{render(key_type, key)}: {render(value_type, item)}" for key, item in value.items())
            return f"{{{', '.join(items) or ':'}}}"
        case _:
            return f"<{shapes.type_text(type_)}>"


def _render_case(label: str, type_: ValType | None, payload: object) -> str:
    return label if type_ is None else f"{label}({render(type_, payload)})"


def _label(label: str) -> str:
    return f"%{label}" if label in KEYWORDS else label


def _render_primitive(type_: Prim, value: Any) -> str:
    match type_:
        case Prim.BOOL:
            return "true" if value else "false"
        case Prim.CHAR:
            return _quoted_text(value, "'")
        case Prim.STRING:
            return _quoted_text(value, '"')
        case Prim.F32 | Prim.F64:
            return _render_float(type_, value)
        case Prim.ERROR_CONTEXT:
            return "<error-context>"
    return str(value)


def _render_float(type_: Prim, value: float) -> str:
    if not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    text = repr(value) if type_ is Prim.F64 else _shortest_f32(value)
    return text.removesuffix(".0")


def _shortest_f32(value: float) -> str:
    """Return the shortest decimal that reads back as the same f32."""
    for digits in range(1, 10):
        text = f"{value:.{digits}g}"
        if struct.pack("<f", float(text)) == struct.pack("<f", value):
            return text
    return repr(value)


def _quoted_text(text: str, quote: str) -> str:
    plain = {"\t": "\\t", "\n": "\\n", "\r": "\\r", "\\": "\\\\", quote: f"\\{quote}"}
    inner = (plain.get(char) or (char if char.isprintable() else f"\\u{{{ord(char):x}}}") for char in text)
    return f"{quote}{''.join(inner)}{quote}"


__all__ = ["render"]
