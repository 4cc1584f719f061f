"""Streams in generated code."""

from __future__ import annotations

from weft import bindgen
from weft.component.decoder import decode
from weft.engine import wat2wasm


def test_annotations() -> None:
    """A host function gets a reader and may give anything a stream or future can be made of."""
    text = bindgen.generate(
        decode(
            wat2wasm("""(component (import "a:b/c" (instance
                (export "flow" (func async (param "in" (stream u8)) (result (future (list u8))))))))""")
        )
    )["c.py"]
    assert (
        "async def flow(self, accessor: weft.Accessor, in_: weft.StreamReader[bytes]) -> FutureLike[BytesLike]:" in text
    )
    assert "from weft.bindgen.support import BytesLike, FutureLike" in text


def test_items_are_instances_of_generated_classes() -> None:
    """Readers are typed by what a read returns, and lift what has classes of its own, wherever they are."""
    record = """(type $p' (record (field "x" u8))) (export "p" (type $p (eq $p')))
        (type $ps (stream $p)) (type $numbers (stream u32)) (type $nothing (stream))
        (type $later (future $p)) (type $both (tuple $ps $later)) (type $r (result $both (error $p)))"""
    text = bindgen.generate(
        decode(
            wat2wasm(f"""(component (import "a:b/c" (instance {record}
                (export "f" (func async (param "in" $ps) (param "n" $numbers) (param "o" $nothing)))
                (export "g" (func async (param "in" $r))))))""")
        )
    )["c.py"]
    for line in (
        "in_: weft.StreamReader[list[P]],",
        "n: weft.StreamReader[list[int]],",
        "o: weft.StreamReader[list[None]],",
        "await impl.f(accessor, lifted_stream(in_, lift_p), n, o)",
        "weft.Ok[tuple[weft.StreamReader[list[P]], weft.FutureReader[P]]] | weft.Err[P]",
        "(lifted_stream(item1[0], lift_p), lifted_future(item1[1], lift_p),)",
    ):
        assert line in text, text
