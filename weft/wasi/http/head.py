"""What guests' headers and trailers become on the wire, and how the length of a message is said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from weft.wasi.http.errors import HttpError

if TYPE_CHECKING:
    from weft.wasi.http.fields import Fields
    from weft.wasi.http.outgoing import OutgoingBody
    from weft.wasi.http.request import Request
    from weft.wasi.http.target import Target

_NOT_IN_TRAILERS: Final = frozenset(
    {"content-encoding", "content-length", "content-range", "content-type", "te", "trailer"}
)
"""Fields that must be known before the contents (RFC 9110, section 6.5.1), beside those that are forbidden anyway."""

_USUALLY_WITH_CONTENTS: Final = frozenset({"POST", "PUT", "PATCH"})


def head_of(request: Request, target: Target, body: OutgoingBody) -> tuple[list[tuple[bytes, bytes]], bool]:
    """Return the headers of a request as they are sent, and whether its contents are sent in chunks.

    A request has one ``host``, that of its target, and says its length in one way.
    """
    headers = [(b"host", target.host_header.encode())]
    headers += [_line(name, value) for name, value in request.headers if name.lower() != "content-length"]
    headers.append((b"connection", b"close"))
    chunked = body.content_length is None and (body.has_contents or request.headers.has("trailer"))
    if chunked:
        headers.append((b"transfer-encoding", b"chunked"))
    elif body.content_length is not None or request.method in _USUALLY_WITH_CONTENTS:
        headers.append((b"content-length", b"%d" % (body.content_length or 0)))
    return headers, chunked


def trailers_of(trailers: Fields | None) -> list[tuple[bytes, bytes]]:
    """Return trailers as they are sent.

    Raises:
        HttpError: some of them have no place there.
    """
    if trailers is None:
        return []
    if any(name.lower() in _NOT_IN_TRAILERS for name, _ in trailers):
        raise HttpError("HTTP-protocol-error")
    return [_line(name, value) for name, value in trailers]


def _line(name: str, value: bytes) -> tuple[bytes, bytes]:
    return name.encode(), value.strip(b" \t")


__all__ = ["head_of", "trailers_of"]
