"""What the options of ``weft run`` give a command."""

from __future__ import annotations

import argparse
import os
import sys
from argparse import ArgumentTypeError
from typing import TYPE_CHECKING, Any

import pytest

from weft.cli.errors import CommandError, UsageError
from weft.cli.grants import add_grants, lookup, make_context, network, preopen, seconds
from weft.wasi import Network, Preopen

if TYPE_CHECKING:
    from pathlib import Path


def context(*options: str) -> Any:
    """Return the context that the options give."""
    parser = argparse.ArgumentParser()
    add_grants(parser)
    return make_context(parser.parse_args(options), ["program", "-x"])


def test_nothing_is_given() -> None:
    """Without options a command has its arguments and nothing else."""
    ctx = context()
    assert (ctx.args, ctx.env, ctx.cwd, list(ctx.preopens)) == (("program", "-x"), (), None, [])
    assert (ctx.network, ctx.http.outgoing) == (Network(), False)


def test_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable has the value it is given, or that of the process if it has one."""
    monkeypatch.setenv("WEFT_TEST_HERE", "1=2")
    options = ("--env", "a=b=c", "--env", "empty=", "--env", "WEFT_TEST_HERE", "--env", "WEFT_TEST_NOWHERE")
    assert context(*options).env == (("a", "b=c"), ("empty", ""), ("WEFT_TEST_HERE", "1=2"))


@pytest.mark.parametrize("item", ["", "=", "=1"])
def test_a_variable_without_a_name(item: str) -> None:
    """A variable has a name."""
    with pytest.raises(UsageError, match="NAME=VALUE"):
        context("--env", item)


def test_inherited_environment() -> None:
    """All variables can be inherited, and some replaced."""
    assert dict(context("--inherit-env", "--env", "PATH=/").env) == dict(os.environ) | {"PATH": "/"}


def test_what_is_no_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """An argument or a variable that is not UTF-8 is refused; of all the variables, such a one is left out."""
    monkeypatch.setenv("WEFT_TEST_BYTES", os.fsdecode(b"\xff"))
    assert "WEFT_TEST_BYTES" not in dict(context("--inherit-env").env)
    for options in (("--env", "WEFT_TEST_BYTES"), ("--cwd", os.fsdecode(b"/\xfe"))):
        with pytest.raises(UsageError, match="not UTF-8"):
            context(*options)


@pytest.mark.parametrize(
    ("text", "guest", "read_only"),
    [
        ("{0}", "{0}", False),
        ("{0}::/", "/", False),
        ("{0}::/data:ro", "/data", True),
        ("{0}:ro", "{0}", True),
        ("{0}::a::b", "a::b", False),
    ],
)
def test_directories(tmp_path: Path, text: str, guest: str, read_only: bool) -> None:
    """A directory has the guest's name for it after two colons, and ``:ro`` at the end makes it read-only."""
    given = preopen(text.format(tmp_path))
    assert given == Preopen(str(tmp_path), guest.format(tmp_path), read_only=read_only)


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (preopen, "/no/such/directory"),
        (preopen, __file__),
        (preopen, "::/"),
        (preopen, "/::"),
        (preopen, ""),
        (network, "10.0.0.1/8"),
        (network, "localhost"),
        (seconds, "0"),
        (seconds, "-1"),
        (seconds, "nan"),
        (seconds, "inf"),
        (seconds, "soon"),
    ],
)
def test_nonsense(read: Any, text: str) -> None:
    """What makes no sense is refused before anything runs."""
    with pytest.raises(ArgumentTypeError):
        read(text)


@pytest.mark.parametrize(
    ("options", "granted"),
    [
        (("--tcp",), Network(tcp=True)),
        (("--udp", "--allow", "::1", "--allow", "10.0.0.0/8"), Network(udp=True, addresses=["::1", "10.0.0.0/8"])),
        (("--lookup", "Example.org", "--lookup", "*.test"), Network(name_lookup=["example.org", "*.test"])),
        (("--lookup", "all"), Network(name_lookup=True)),
        (("--inherit-network",), Network.inherit()),
        (("--http", "--allow", "127.0.0.1"), Network(addresses=["127.0.0.1"])),
    ],
)
def test_network(options: tuple[str, ...], granted: Network) -> None:
    """Of the network a command is given what the options name."""
    assert context(*options).network == granted


@pytest.mark.parametrize("text", ["", "*", "a..b", "*.*.org", "a b"])
def test_no_name(text: str) -> None:
    """What is no name is refused, and not one that is never asked for."""
    with pytest.raises(ArgumentTypeError, match="no domain name"):
        lookup(text)


def test_http_without_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package that sends requests, none are promised: the message says what to install."""
    monkeypatch.setitem(sys.modules, "h11", None)
    assert not context().http.outgoing
    with pytest.raises(CommandError, match=r"pip install 'weft\[http\]'"):
        context("--http")


def test_addresses_without_sockets() -> None:
    """Addresses alone are refused: they would give nothing."""
    with pytest.raises(UsageError, match="--tcp"):
        context("--allow", "127.0.0.1")


def test_http() -> None:
    """Requests over HTTP are an option of their own."""
    assert context("--http").http.outgoing is True
