"""What fails on the network, in the words that both versions of wasi:sockets share.

Source: `types.error-code` of wasi:sockets 0.3, `network.error-code` of 0.2.
"""

from __future__ import annotations

import errno
import os
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ErrorCode: TypeAlias = Literal[
    "access-denied",
    "not-supported",
    "invalid-argument",
    "out-of-memory",
    "timeout",
    "invalid-state",
    "address-not-bindable",
    "address-in-use",
    "remote-unreachable",
    "connection-refused",
    "connection-broken",
    "connection-reset",
    "connection-aborted",
    "datagram-too-large",
    "name-unresolvable",
    "temporary-resolver-failure",
    "permanent-resolver-failure",
    "concurrency-conflict",
    "not-in-progress",
    "would-block",
    "new-socket-limit",
    "other",
]
"""All there are; a version of the interfaces has only some of them."""


@final
class SocketError(Exception):
    """An operation on a socket or a name failed.

    Attributes:
        code: why.
    """

    def __init__(self, code: ErrorCode) -> None:
        super().__init__(code)
        self.code: ErrorCode = code


CODES: Final[Mapping[int, ErrorCode]] = {
    errno.EACCES: "access-denied",
    errno.EPERM: "access-denied",
    errno.EOPNOTSUPP: "not-supported",
    errno.ENOPROTOOPT: "not-supported",
    errno.EPFNOSUPPORT: "not-supported",
    errno.EPROTONOSUPPORT: "not-supported",
    errno.EPROTOTYPE: "not-supported",
    errno.ESOCKTNOSUPPORT: "not-supported",
    errno.EINVAL: "invalid-argument",
    errno.EDESTADDRREQ: "invalid-argument",
    errno.EAFNOSUPPORT: "invalid-argument",
    errno.ENOMEM: "out-of-memory",
    errno.ENOBUFS: "out-of-memory",
    errno.ETIMEDOUT: "timeout",
    errno.EISCONN: "invalid-state",
    errno.ENOTCONN: "invalid-state",
    errno.EALREADY: "invalid-state",
    errno.EADDRNOTAVAIL: "address-not-bindable",
    errno.EADDRINUSE: "address-in-use",
    errno.EHOSTUNREACH: "remote-unreachable",
    errno.EHOSTDOWN: "remote-unreachable",
    errno.ENETDOWN: "remote-unreachable",
    errno.ENETUNREACH: "remote-unreachable",
    getattr(errno, "ENONET", errno.ENETUNREACH): "remote-unreachable",
    errno.ECONNREFUSED: "connection-refused",
    errno.EPIPE: "connection-broken",
    errno.ESHUTDOWN: "connection-broken",
    errno.ECONNRESET: "connection-reset",
    errno.ECONNABORTED: "connection-aborted",
    errno.EMSGSIZE: "datagram-too-large",
    errno.EAGAIN: "would-block",
    errno.EMFILE: "new-socket-limit",
    errno.ENFILE: "new-socket-limit",
}
"""What errors of the system mean, unless an operation knows better."""

LOOKUP_CODES: Final[Mapping[int, ErrorCode]] = {
    socket.EAI_NONAME: "name-unresolvable",
    getattr(socket, "EAI_NODATA", socket.EAI_NONAME): "name-unresolvable",
    getattr(socket, "EAI_ADDRFAMILY", socket.EAI_NONAME): "name-unresolvable",
    socket.EAI_AGAIN: "temporary-resolver-failure",
    socket.EAI_FAIL: "permanent-resolver-failure",
}
"""What errors of the resolver mean; their numbers are not those of other errors."""


def error_code(error: SocketError | OSError) -> ErrorCode:
    """Return what an error is called."""
    if isinstance(error, SocketError):
        return error.code
    codes = LOOKUP_CODES if isinstance(error, socket.gaierror) else CODES
    return "other" if error.errno is None else codes.get(error.errno, "other")


def describe(error: SocketError | OSError) -> str | None:
    """Return what a guest may know of an error that has no code of its own: what the system calls it."""
    if isinstance(error, SocketError | socket.gaierror) or error.errno is None:
        return None
    return os.strerror(error.errno)


@contextmanager
def meaning(codes: Mapping[int, ErrorCode]) -> Iterator[None]:
    """Give errors of the system another meaning than usual.

    Raises:
        SocketError: instead of an OSError that `codes` names.
    """
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.errno in codes:
            raise SocketError(codes[error.errno]) from error
        raise


__all__ = ["CODES", "LOOKUP_CODES", "ErrorCode", "SocketError", "describe", "error_code", "meaning"]
