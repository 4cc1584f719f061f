"""What ``weft run`` and ``weft serve`` give a guest of the world, as options."""

from __future__ import annotations

import os
from argparse import ArgumentTypeError
from importlib.util import find_spec
from ipaddress import ip_network
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

from weft.cli.errors import CommandError, UsageError
from weft.wasi import Network, Preopen, WasiCtx
from weft.wasi.http.policy import Http
from weft.wasi.network import name_pattern

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence


def add_grants(parser: argparse.ArgumentParser) -> None:
    """Add the options that `make_context` reads."""
    add = parser.add_argument_group("what it is given").add_argument
    add(
        "--dir",
        metavar="HOST[::GUEST][:ro]",
        action="append",
        type=preopen,
        default=[],
        help="a directory, by the guest's name for it; :ro: to read only",
    )
    add("--cwd", metavar="PATH", help="its working directory, by its own names")
    add(
        "--env",
        metavar="NAME[=VALUE]",
        action="append",
        default=[],
        help="a variable; without a value, as it is here, if it is",
    )
    add("--inherit-env", action="store_true", help="all the variables that there are here, in UTF-8")
    add("--tcp", action="store_true", help="TCP sockets")
    add("--udp", action="store_true", help="UDP sockets")
    add("--allow", metavar="NETWORK", action="append", type=network, help="only these addresses: 10.0.0.0/8, ::1")
    add(
        "--lookup",
        metavar="NAME",
        action="append",
        type=lookup,
        default=[],
        help="resolve this name, or *.NAME, or all",
    )
    add("--http", action="store_true", help="requests over HTTP")
    add("--inherit-network", action="store_true", help="--tcp --udp --lookup all")


def make_context(options: argparse.Namespace, args: Sequence[str]) -> WasiCtx:
    """Return what the options give, and the stdio of the process.

    Raises:
        UsageError: they do not go together.
        CommandError: they need a package that is not there.
    """
    env = _environment(options)
    for text in (*args, *env, *env.values(), options.cwd or ""):
        if not is_text(text):
            raise UsageError(f"{text!r} is not UTF-8, and guests know no other text")
    return WasiCtx(
        args=args,
        env=env,
        cwd=options.cwd,
        stdin="inherit",
        stdout="inherit",
        stderr="inherit",
        preopens=options.dir,
        network=_network(options),
        http=_http(options),
        block_loop=True,
    )


def is_text(text: str) -> bool:
    """Whether what the system gave as bytes was UTF-8: Python keeps what was not as surrogates."""
    return text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text)


def preopen(text: str) -> Preopen:
    """Read ``HOST[::GUEST][:ro]``; the guest's name is the host's unless it is given."""
    read_only = text.endswith(":ro")
    host, separator, guest = text.removesuffix(":ro").partition("::")
    if not host or (separator and not guest):
        raise ArgumentTypeError(f"{text!r} is no HOST[::GUEST][:ro]")
    if not Path(host).is_dir():
        raise ArgumentTypeError(f"{host}: {'this is no directory' if Path(host).exists() else 'no such directory'}")
    return Preopen(host, guest or host, read_only=read_only)


def network(text: str) -> str:
    """Check an address, or a network as ``10.0.0.0/8``."""
    try:
        return str(ip_network(text))
    except ValueError as error:
        meant = "an address, as 127.0.0.1, or a network, as 10.0.0.0/8"
        raise ArgumentTypeError(f"{error}: say {meant}") from None


def lookup(text: str) -> str:
    """Check a name, ``*.`` and a name, or ``all``."""
    try:
        return text if text == "all" else name_pattern(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no domain name") from None


def seconds(text: str) -> float:
    """Read a positive number of seconds."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not (isfinite(value) and value > 0):
        raise ArgumentTypeError(f"{text!r} is no number of seconds")
    return value


def _environment(options: argparse.Namespace) -> dict[str, str]:
    env = {name: os.environ[name] for name in os.environ if options.inherit_env and is_text(name + os.environ[name])}
    for item in options.env:
        name, separator, value = item.partition("=")
        if not name:
            raise UsageError(f"--env {item!r}: a variable has a name: NAME=VALUE")
        if separator:
            env[name] = value
        elif name in os.environ:
            env[name] = os.environ[name]
    return env


def _http(options: argparse.Namespace) -> Http:
    if options.http and find_spec("h11") is None:
        raise CommandError("--http needs h11: pip install 'weft[http]'")
    return Http(outgoing=options.http)


def _network(options: argparse.Namespace) -> Network:
    everything = options.inherit_network
    if options.allow and not (options.tcp or options.udp or options.http or everything):
        raise UsageError("--allow says which addresses may be used: say --tcp, --udp or --http too")
    return Network(
        tcp=options.tcp or everything,
        udp=options.udp or everything,
        name_lookup=everything or "all" in options.lookup or options.lookup or False,
        addresses=options.allow,
    )


__all__ = ["add_grants", "is_text", "lookup", "make_context", "network", "preopen", "seconds"]
