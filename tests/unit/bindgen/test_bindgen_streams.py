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
    assert "async def flow(self, accessor: weft.Accessor, in_: weft.StreamReader) -> FutureLike:" in text
    assert "from weft.bindgen.support import FutureLike" in text
