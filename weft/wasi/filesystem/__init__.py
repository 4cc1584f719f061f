"""Files and directories of the host's in the hands of guests: what both versions of wasi:filesystem are made of."""

from weft.wasi.filesystem.blocking import call
from weft.wasi.filesystem.descriptor import Descriptor
from weft.wasi.filesystem.entries import Entries, Entry, kind_of
from weft.wasi.filesystem.errors import ERROR_CODES, error_code
from weft.wasi.filesystem.file_bytes import FileBytes
from weft.wasi.filesystem.opening import open_at, open_preopen

__all__ = [
    "ERROR_CODES",
    "Descriptor",
    "Entries",
    "Entry",
    "FileBytes",
    "call",
    "error_code",
    "kind_of",
    "open_at",
    "open_preopen",
]
