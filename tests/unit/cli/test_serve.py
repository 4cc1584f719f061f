"""`weft serve`: what its command line may say, and what it says when it cannot serve."""

from __future__ import annotations

import socket
import sys
from argparse import ArgumentParser, ArgumentTypeError
from typing import TYPE_CHECKING

import pytest

from weft.cli import main
from weft.cli.commands import serve

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def empty(tmp_path: Path) -> str:
    """Return the path of a component that exports nothing."""
    path = tmp_path / "empty.wat"
    path.write_text("(component)")
    return str(path)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:80", ("127.0.0.1", 80)),
        ("localhost:0", ("localhost", 0)),
        ("[::1]:8080", ("::1", 8080)),
    ],
)
def test_an_address_is_a_host_and_a_port(text: str, address: tuple[str, int]) -> None:
    """The port is behind the last colon, an IPv6 address in brackets."""
    assert serve.address(text) == address


@pytest.mark.parametrize(
    "text",
    [
        *("8080", ":8080", "localhost:", "localhost:http", "localhost:65536", "localhost:-1"),
        *("[::1:80", "::1:80", "[localhost]:80", "[]:80", "127.0.0.1:1:2"),
    ],
)
def test_other_addresses_are_refused(text: str) -> None:
    """What is no host and port is no address."""
    with pytest.raises(ArgumentTypeError, match="HOST:PORT"):
        serve.address(text)


@pytest.mark.parametrize("option", ["--max-instances=0", "--max-concurrent=x", "--request-timeout=-1", "--addr=80"])
def test_a_wrong_option_is_a_usage_error(empty: str, option: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Numbers are positive; the status of a wrong command line is 2."""
    with pytest.raises(SystemExit) as ended:
        main(["serve", empty, option])
    assert ended.value.code == 2
    assert option.split("=", maxsplit=1)[0] in capsys.readouterr().err


def test_a_component_that_is_no_service(empty: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A component that exports no handler does not start, and the message says so."""
    assert main(["serve", empty, "--addr", "127.0.0.1:0"]) == 1
    assert "it exports none of wasi:http/handler@0.3.0" in capsys.readouterr().err


def test_a_port_that_is_taken(empty: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What the system says of an address is one line, with the address."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["serve", empty, "--addr", f"127.0.0.1:{port}"]) == 1
    assert f"weft: 127.0.0.1:{port}: " in capsys.readouterr().err


def test_without_a_server_it_says_what_to_install(
    empty: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The server is an extra: who has not installed it is told how."""
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.delitem(sys.modules, "weft.cli.serve", raising=False)
    assert main(["serve", empty]) == 1
    assert "pip install 'weft[http]'" in capsys.readouterr().err


def test_options_reach_the_service(empty: str) -> None:
    """The limits of the command line are those of the instances; requests of guests need a grant."""
    parser = ArgumentParser()
    serve.add_arguments(parser)
    options = parser.parse_args([empty, "--max-instances", "3", "--max-requests", "5", "--no-cache"])
    app = serve.application(options)
    assert (app.limits.max_instances, app.limits.max_requests_per_instance) == (3, 5)
    assert options.http is False
