"""The status codes of responses that say why there is no other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from weft.wasi.http.errors import ErrorCode

_STATUSES: Final = {
    400: ("HTTP-request-URI-invalid", "HTTP-request-trailer-section-size", "HTTP-request-trailer-size"),
    403: ("HTTP-request-denied",),
    405: ("HTTP-request-method-invalid",),
    411: ("HTTP-request-length-required",),
    413: ("HTTP-request-body-size",),
    414: ("HTTP-request-URI-too-long",),
    431: ("HTTP-request-header-section-size", "HTTP-request-header-size"),
    500: ("configuration-error", "internal-error", "destination-not-found"),
    503: ("destination-unavailable", "connection-limit-reached"),
    504: (
        "DNS-timeout",
        "connection-timeout",
        "connection-read-timeout",
        "connection-write-timeout",
        "HTTP-response-timeout",
    ),
}
_STATUS_OF: Final = {label: status for status, labels in _STATUSES.items() for label in labels}


def status_of(code: ErrorCode) -> int:
    """Return the status for an ``error-code`` that a handler answered with; 502 for all that a peer of its own did.

    Source: RFC 9209, section 2.3, for those that are proxy error types.
    """
    label = code[0] if isinstance(code, tuple) else getattr(code, "case", code)
    return _STATUS_OF.get(str(label), 502)


__all__ = ["status_of"]
