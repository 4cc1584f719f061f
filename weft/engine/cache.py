"""Compiled modules kept on disk.

Wasmtime trusts what it deserialises: whoever can write a cache file can run code in this process. So directories and
files that belong to someone else, or that others can write, are not used.
Source: `wasmtime_module_deserialize`, on the safety of its input.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Final, final

_MAGIC: Final = b"weft cache 1\0"
_DIGEST_SIZE: Final = 32


@final
class ModuleCache:
    """A directory of serialised modules, by the hash of all that shapes them.

    Every failure is a miss: a cache that cannot be read or written costs time, and nothing else.
    """

    def __init__(self, directory: Path, fingerprint: str) -> None:
        self._directory = directory
        self._prefix = f"{version('wasmtime')}\0{fingerprint}\0".encode()

    def key(self, wasm: bytes) -> str:
        """Return the name of the file for `wasm`."""
        return hashlib.sha256(self._prefix + wasm).hexdigest()

    def load(self, key: str) -> bytes | None:
        """Return what `store` was given, or None when there is no such file, or it is not to be trusted."""
        try:
            if not _is_private(self._directory.stat()):
                return None
            descriptor = os.open(self._directory / key, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
        except OSError:
            return None
        with os.fdopen(descriptor, "rb") as file:
            if not _is_private(os.fstat(file.fileno())):
                return None
            data = file.read()
        start = len(_MAGIC) + _DIGEST_SIZE
        body = data[start:]
        if data[:start] != _MAGIC + hashlib.sha256(body).digest():
            return None
        return body

    def store(self, key: str, body: bytes) -> None:
        """Keep `body`, in one step, so that nobody ever reads half of it."""
        with contextlib.suppress(OSError):
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not _is_private(self._directory.stat()):
                return
            descriptor, name = tempfile.mkstemp(prefix=".", dir=self._directory)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(_MAGIC + hashlib.sha256(body).digest())
                    file.write(body)
                Path(name).replace(self._directory / key)
            except OSError:
                Path(name).unlink(missing_ok=True)
                raise


def _is_private(found: os.stat_result) -> bool:
    if not hasattr(os, "getuid"):
        return True
    return found.st_uid == os.getuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
