"""What errors of the system are called."""

from __future__ import annotations

import errno

import pytest

from weft.wasi.filesystem import ERROR_CODES, error_code
from weft.wasi.p3.filesystem.values import error_code_of

EXPECTED = {
    "EACCES": "access",
    "EAGAIN": "would-block",
    "EALREADY": "already",
    "EBADF": "bad-descriptor",
    "EBUSY": "busy",
    "EDEADLK": "deadlock",
    "EDQUOT": "quota",
    "EEXIST": "exist",
    "EFBIG": "file-too-large",
    "EILSEQ": "illegal-byte-sequence",
    "EINPROGRESS": "in-progress",
    "EINTR": "interrupted",
    "EINVAL": "invalid",
    "EIO": "io",
    "EISDIR": "is-directory",
    "ELOOP": "loop",
    "EMFILE": "insufficient-memory",
    "EMLINK": "too-many-links",
    "EMSGSIZE": "message-size",
    "ENAMETOOLONG": "name-too-long",
    "ENFILE": "insufficient-memory",
    "ENODEV": "no-device",
    "ENOENT": "no-entry",
    "ENOLCK": "no-lock",
    "ENOMEM": "insufficient-memory",
    "ENOSPC": "insufficient-space",
    "ENOSYS": "unsupported",
    "ENOTDIR": "not-directory",
    "ENOTEMPTY": "not-empty",
    "ENOTRECOVERABLE": "not-recoverable",
    "ENOTSUP": "unsupported",
    "ENOTTY": "no-tty",
    "ENXIO": "no-such-device",
    "EOPNOTSUPP": "unsupported",
    "EOVERFLOW": "overflow",
    "EPERM": "not-permitted",
    "EPIPE": "pipe",
    "EROFS": "read-only",
    "ESPIPE": "invalid-seek",
    "ETXTBSY": "text-file-busy",
    "EXDEV": "cross-device",
}


@pytest.mark.parametrize("name", EXPECTED)
def test_each_error_has_the_code_of_its_name(name: str) -> None:
    """Each error number is mapped to the code that the WIT file names beside it."""
    assert error_code(OSError(getattr(errno, name), "")) == EXPECTED[name]


def test_the_table_has_no_other_entries() -> None:
    """Every entry of the table is one of those above."""
    assert {getattr(errno, name): code for name, code in EXPECTED.items()} == ERROR_CODES


def test_what_has_no_code() -> None:
    """Other errors, and those without a number, are ``io``."""
    assert error_code(OSError(errno.ECONNRESET, "")) == "io"
    assert error_code(OSError("no number")) == "io"


def test_an_interface_without_would_block() -> None:
    """WASI 0.3, which has no ``would-block``, calls it ``busy``; all else is the same."""
    assert error_code_of(OSError(errno.EAGAIN, "")) == "busy"
    assert error_code_of(OSError(errno.ENOENT, "")) == "no-entry"
