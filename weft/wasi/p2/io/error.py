"""wasi:io/error: what went wrong with a stream, for people; other interfaces can ask for their own error code of it.

`wasi:filesystem` and `wasi:http` map `Error.error` to their codes, as ``filesystem-error-code`` and
``http-error-code`` do; to say more than a number does, let a source or sink raise a subclass of OSError of its own.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Any, final

from attrs import frozen

from weft import Err

if TYPE_CHECKING:
    from weft import Linker, Store
    from weft.wasi.ctx import Getter

VERSION = "0.2.12"


@final
@frozen(eq=False)
class Error:
    """The resource ``error``.

    Attributes:
        error: what the host got.
    """

    error: OSError


def describe(error: OSError) -> str:
    """Return what guests may know of an error: which of the system's it is, and no names of the host's."""
    if error.errno is None:
        return "input/output error"
    return f"{os.strerror(error.errno)} ({errno.errorcode.get(error.errno, error.errno)})"


def last_operation_failed(error: OSError) -> Err[Any]:
    """Return what a stream's function raises when an operation failed: a ``stream-error`` with the resource."""
    return Err(("last-operation-failed", Error(error)))


def closed() -> Err[Any]:
    """Return what a stream's function raises when there is nothing more to be had or to be written."""
    return Err("closed")


def to_debug_string(_store: Store, error: Error) -> str:
    """Say what went wrong."""
    return describe(error.error)


def add_to_linker(linker: Linker, _getter: Getter) -> None:
    """Let guests import the interface."""
    api = linker.instance(f"wasi:io/error@{VERSION}")
    api.object_resource("error")
    api.func_wrap("[method]error.to-debug-string", to_debug_string)


__all__ = ["VERSION", "Error", "add_to_linker", "closed", "describe", "last_operation_failed", "to_debug_string"]
