"""Worlds read from WIT text: what `weft.bindgen` needs to know of a component that nobody has built yet."""

from weft.bindgen.wit.files import read_wit

__all__ = ["read_wit"]
