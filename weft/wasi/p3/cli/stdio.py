"""wasi:cli/stdin, stdout and stderr."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from weft.wasi.streams import read_via_stream, write_via_stream

if TYPE_CHECKING:
    from weft import Linker, Store, StreamProducer, StreamReader
    from weft.wasi.ctx import Getter
    from weft.wasi.outcome import Outcome

_CODES = {errno.EPIPE: "pipe", errno.ECONNRESET: "pipe", errno.EILSEQ: "illegal-byte-sequence"}


def error_code(error: OSError) -> str:
    """Return what an error is called in the interface."""
    return "io" if error.errno is None else _CODES.get(error.errno, "io")


def add_to_linker(linker: Linker, getter: Getter) -> None:
    """Let guests import the interfaces."""

    @linker.instance("wasi:cli/stdin@0.3.0").func_wrap("read-via-stream")
    def read_stdin(store: Store) -> tuple[StreamProducer, Outcome]:
        return read_via_stream(getter(store.data).stdin, error_code)

    @linker.instance("wasi:cli/stdout@0.3.0").func_wrap("write-via-stream")
    def write_stdout(store: Store, data: StreamReader) -> Outcome:
        return write_via_stream(store, data, getter(store.data).stdout, error_code)

    @linker.instance("wasi:cli/stderr@0.3.0").func_wrap("write-via-stream")
    def write_stderr(store: Store, data: StreamReader) -> Outcome:
        return write_via_stream(store, data, getter(store.data).stderr, error_code)


__all__ = ["add_to_linker", "error_code"]
