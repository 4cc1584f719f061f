"""Methods and schemes, as the interface has them and as HTTP has them."""

from __future__ import annotations

from typing import Any, Final

METHODS: Final = ("get", "head", "post", "put", "delete", "connect", "options", "trace", "patch")

_METHOD_OF_CASE = {case: case.upper() for case in METHODS}
_CASE_OF_METHOD = {method: case for case, method in _METHOD_OF_CASE.items()}


def method_of(value: Any) -> str:
    """Return the method that a ``method`` is."""
    return value.value if value.case == "other" else _METHOD_OF_CASE[value.case]


def method_variant(method: str) -> str | tuple[str, str]:
    """Return a method as a ``method``; a usual one has a case of its own, however the guest wrote it."""
    return _CASE_OF_METHOD.get(method) or ("other", method)


def scheme_of(value: Any) -> str | None:
    """Return the scheme that an ``option<scheme>`` is: ``http`` and ``https`` in lower case."""
    if value is None:
        return None
    scheme: str = value.value if value.case == "other" else value.case
    return scheme.lower() if scheme.lower() in {"http", "https"} else scheme


def scheme_variant(scheme: str | None) -> str | tuple[str, str] | None:
    """Return a scheme as an ``option<scheme>``."""
    if scheme is None:
        return None
    return scheme.upper() if scheme in {"http", "https"} else ("other", scheme)


__all__ = ["method_of", "method_variant", "scheme_of", "scheme_variant"]
