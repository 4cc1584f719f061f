"""HTTP for guests: the objects behind ``wasi:http``, the same for both versions of WASI."""

from weft.wasi.http.asgi import Application, asgi
from weft.wasi.http.body import Body
from weft.wasi.http.errors import HttpError
from weft.wasi.http.fields import Fields
from weft.wasi.http.options import RequestOptions
from weft.wasi.http.outgoing import OutgoingBody
from weft.wasi.http.policy import FORBIDDEN_HEADERS, Http
from weft.wasi.http.request import Request
from weft.wasi.http.response import Response
from weft.wasi.http.sending import send

__all__ = [
    "FORBIDDEN_HEADERS",
    "Application",
    "Body",
    "Fields",
    "Http",
    "HttpError",
    "OutgoingBody",
    "Request",
    "RequestOptions",
    "Response",
    "asgi",
    "send",
]
