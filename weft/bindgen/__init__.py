"""Typed Python for a component's world: classes for its types, Protocols for its imports, clients for its exports.

What calls take and return are instances of the generated classes, and so is what is read of streams and futures.
Consumers that they are piped into get instances of weft's own classes, which have the same fields, cases and members.
"""

from weft.bindgen.load import load, write
from weft.bindgen.package import generate
from weft.bindgen.support import per_store
from weft.bindgen.wit import read_wit

__all__ = ["generate", "load", "per_store", "read_wit", "write"]
