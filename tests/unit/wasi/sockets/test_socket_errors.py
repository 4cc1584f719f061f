"""What errors are called in the interfaces."""

from __future__ import annotations

import errno
import socket

import pytest

from weft import Err
from weft.wasi.p3.sockets.errors import failing, failing_async, wire_code
from weft.wasi.sockets.errors import CODES, SocketError, error_code, meaning

CASES_0_3 = {
    "access-denied", "not-supported", "invalid-argument", "out-of-memory", "timeout", "invalid-state",
    "address-not-bindable", "address-in-use", "remote-unreachable", "connection-refused", "connection-broken",
    "connection-reset", "connection-aborted", "datagram-too-large", "other",
}  # fmt: skip

DOCUMENTED = {
    "access-denied": ["EACCES", "EPERM"],
    "not-supported": ["EOPNOTSUPP", "ENOPROTOOPT", "EPFNOSUPPORT", "EPROTONOSUPPORT", "ESOCKTNOSUPPORT"],
    "invalid-argument": ["EINVAL", "EDESTADDRREQ", "EAFNOSUPPORT"],
    "out-of-memory": ["ENOMEM", "ENOBUFS"],
    "timeout": ["ETIMEDOUT"],
    "invalid-state": ["EALREADY", "EISCONN", "ENOTCONN"],
    "address-not-bindable": ["EADDRNOTAVAIL"],
    "address-in-use": ["EADDRINUSE"],
    "remote-unreachable": ["EHOSTUNREACH", "EHOSTDOWN", "ENETDOWN", "ENETUNREACH"],
    "connection-refused": ["ECONNREFUSED"],
    "connection-broken": ["EPIPE"],
    "connection-reset": ["ECONNRESET"],
    "connection-aborted": ["ECONNABORTED"],
    "datagram-too-large": ["EMSGSIZE"],
}


@pytest.mark.parametrize(("code", "names"), DOCUMENTED.items(), ids=DOCUMENTED)
def test_documented_codes(code: str, names: list[str]) -> None:
    """Each error of the system has the code that the interface documents for it."""
    assert {error_code(OSError(getattr(errno, name), "")) for name in names} == {code}


@pytest.mark.parametrize("number", sorted(errno.errorcode))
def test_every_errno_has_a_case(number: int) -> None:
    """Whatever the system says, the guest gets a case that its interface has."""
    code = wire_code(OSError(number, "secret text"))
    case = code if isinstance(code, str) else code[0]
    assert case in CASES_0_3
    assert (case == "other") == (CODES.get(number, "other") not in CASES_0_3 - {"other"})


def test_other_errors_are_described_by_the_system() -> None:
    """An error without a code of its own is described in the system's words, not in those of the host."""
    error = OSError(errno.EMFILE, "the guest may not have more than 5 handles open")
    assert error_code(error) == "new-socket-limit"
    assert wire_code(error) == ("other", "Too many open files")
    assert wire_code(OSError("no number")) == ("other", None)
    assert wire_code(SocketError("other")) == ("other", None)


def test_resolver_errors_are_not_errnos() -> None:
    """The numbers of the resolver's errors are its own."""
    assert error_code(socket.gaierror(socket.EAI_AGAIN, "")) == "temporary-resolver-failure"
    assert error_code(socket.gaierror(socket.EAI_FAIL, "")) == "permanent-resolver-failure"
    assert error_code(socket.gaierror(socket.EAI_NONAME, "")) == "name-unresolvable"
    assert error_code(socket.gaierror(socket.EAI_MEMORY, "")) == "other"


def test_meaning() -> None:
    """An operation can give an errno a meaning of its own; other errors stay."""
    with pytest.raises(SocketError, match="address-in-use"), meaning({errno.EAGAIN: "address-in-use"}):
        raise BlockingIOError(errno.EAGAIN, "")
    with pytest.raises(ConnectionResetError), meaning({errno.EAGAIN: "address-in-use"}):
        raise ConnectionResetError(errno.ECONNRESET, "")


def test_bugs_are_no_error_codes() -> None:
    """A host function fails with a code for errors of sockets only: a bug surfaces as what it is."""

    def fail(error: Exception) -> None:
        raise error

    with pytest.raises(Err) as caught:
        failing(fail)(SocketError("timeout"))
    assert caught.value.value == "timeout"
    with pytest.raises(ZeroDivisionError):
        failing(fail)(ZeroDivisionError())


@pytest.mark.anyio
async def test_async_errors() -> None:
    """The same holds for functions that await."""

    async def fail(error: Exception) -> None:
        raise error

    with pytest.raises(Err) as caught:
        await failing_async(fail)(ConnectionResetError(errno.ECONNRESET, ""))
    assert caught.value.value == "connection-reset"
    with pytest.raises(ZeroDivisionError):
        await failing_async(fail)(ZeroDivisionError())
