"""What failures of the system and of TLS are called in ``error-code``."""

from __future__ import annotations

import errno
import socket
import ssl
from typing import TYPE_CHECKING, Any, Final

from weft.wasi.http.errors import internal_error

if TYPE_CHECKING:
    from weft.wasi.http.errors import ErrorCode

_CODES: Final = {
    errno.EACCES: "destination-IP-prohibited",
    errno.EPERM: "destination-IP-prohibited",
    errno.ECONNREFUSED: "connection-refused",
    errno.ECONNRESET: "connection-terminated",
    errno.ECONNABORTED: "connection-terminated",
    errno.EPIPE: "connection-terminated",
    errno.ETIMEDOUT: "connection-timeout",
    errno.EHOSTUNREACH: "destination-unavailable",
    errno.EHOSTDOWN: "destination-unavailable",
    errno.ENETUNREACH: "destination-IP-unroutable",
    errno.ENETDOWN: "destination-IP-unroutable",
    errno.EADDRNOTAVAIL: "destination-IP-unroutable",
    errno.EAFNOSUPPORT: "destination-IP-unroutable",
    errno.EINVAL: "destination-IP-unroutable",
    errno.EMFILE: "connection-limit-reached",
    errno.ENFILE: "connection-limit-reached",
}

_RCODES: Final = {socket.EAI_NONAME: "NXDOMAIN", socket.EAI_AGAIN: "SERVFAIL", socket.EAI_FAIL: "SERVFAIL"}
"""The answers of name servers that the system's errors stand for (RFC 1035, section 4.1.1)."""


def code_of(error: OSError) -> ErrorCode:
    """Return what an error is called in the interface."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return "TLS-certificate-error"
    if isinstance(error, ssl.SSLError):
        return _tls_code(error)
    if isinstance(error, socket.gaierror):
        return "DNS-error", {"rcode": _RCODES.get(error.errno or 0), "info-code": None}
    cause = error.__cause__
    if error.errno is None and isinstance(cause, OSError):  # anyio wraps what connecting raises
        return code_of(cause)
    return _CODES.get(error.errno or 0) or internal_error(error.strerror or str(error))


def _tls_code(error: ssl.SSLError) -> ErrorCode:
    reason: Any = error.reason
    if isinstance(reason, str) and "_ALERT_" in reason:
        message = reason.partition("_ALERT_")[2].lower().replace("_", " ")
        return "TLS-alert-received", {"alert-id": None, "alert-message": message}
    return "TLS-protocol-error"


__all__ = ["code_of"]
