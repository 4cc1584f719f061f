"""wasi:cli, wasi:random and the clocks without pollables, of WASI 0.2, as a guest sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from p2_guest import Function, Guest, Program, run

import weft
from weft import wasi

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = pytest.mark.anyio

IMPORTS = """
  (import "wasi:cli/environment@0.2.0" (instance $environment
    (export "get-environment" (func (result (list (tuple string string)))))
    (export "get-arguments" (func (result (list string))))
    (export "initial-cwd" (func (result (option string))))))
  (import "wasi:cli/exit@0.2.12" (instance $exit
    (export "exit" (func (param "status" (result))))
    (export "exit-with-code" (func (param "status-code" u8)))))
  (import "wasi:cli/terminal-output@0.2.0" (instance $terminal-output
    (export "terminal-output" (type $terminal-output (sub resource)))))
  (alias export $terminal-output "terminal-output" (type $terminal-output))
  (import "wasi:cli/terminal-stdout@0.2.0" (instance $terminal-stdout
    (alias outer 1 $terminal-output (type $t))
    (export "get-terminal-stdout" (func (result (option (own $t)))))))
  (import "wasi:clocks/wall-clock@0.2.0" (instance $wall
    (type $record (record (field "seconds" u64) (field "nanoseconds" u32)))
    (export "datetime" (type $datetime (eq $record)))
    (export "now" (func (result $datetime)))
    (export "resolution" (func (result $datetime)))))
  (alias export $wall "datetime" (type $wall-datetime))
  (import "wasi:clocks/timezone@0.2.0" (instance $zone
    (alias outer 1 $wall-datetime (type $t))
    (export "datetime" (type $datetime (eq $t)))
    (type $record (record (field "utc-offset" s32) (field "name" string) (field "in-daylight-saving-time" bool)))
    (export "timezone-display" (type $display (eq $record)))
    (export "display" (func (param "when" $datetime) (result $display)))
    (export "utc-offset" (func (param "when" $datetime) (result s32)))))
  (alias export $zone "timezone-display" (type $zone-display))
  (import "wasi:random/random@0.2.0" (instance $random
    (export "get-random-bytes" (func (param "len" u64) (result (list u8))))
    (export "get-random-u64" (func (result u64)))))
  (import "wasi:random/insecure@0.2.0" (instance $insecure
    (export "get-insecure-random-bytes" (func (param "len" u64) (result (list u8))))
    (export "get-insecure-random-u64" (func (result u64)))))
  (import "wasi:random/insecure-seed@0.2.0" (instance $seed
    (export "insecure-seed" (func (result (tuple u64 u64))))))
  (export $datetime "datetime" (type $wall-datetime))
  (export $display "timezone-display" (type $zone-display))
"""

PROGRAM = Program(
    IMPORTS,
    (
        Function("environment", "get-environment", (), "(list (tuple string string))"),
        Function("environment", "get-arguments", (), "(list string)"),
        Function("environment", "initial-cwd", (), "(option string)"),
        Function("exit", "exit", ("(result)",), in_memory=False),
        Function("exit", "exit-with-code", ("u8",), in_memory=False),
        Function("terminal-stdout", "get-terminal-stdout", (), "(option u32)"),
        Function("wall", "now", (), "$datetime"),
        Function("wall", "resolution", (), "$datetime"),
        Function("zone", "display", ("$datetime",), "$display"),
        Function("zone", "utc-offset", ("$datetime",), "s32", in_memory=False),
        Function("random", "get-random-bytes", ("u64",), "(list u8)"),
        Function("random", "get-random-u64", (), "u64", in_memory=False),
        Function("insecure", "get-insecure-random-bytes", ("u64",), "(list u8)"),
        Function("insecure", "get-insecure-random-u64", (), "u64", in_memory=False),
        Function("seed", "insecure-seed", (), "(tuple u64 u64)"),
    ),
    ("terminal-output",),
)


async def test_the_environment() -> None:
    """A guest gets its arguments, its environment and its directory, and nothing by default."""

    async def given(guest: Guest) -> None:
        assert await guest("get-arguments") == ["program", "-v"]
        assert await guest("get-environment") == [("A", "1"), ("B", "ü")]
        assert await guest("initial-cwd") == "/here"

    async def nothing(guest: Guest) -> None:
        assert await guest("get-arguments") == []
        assert await guest("get-environment") == []
        assert await guest("initial-cwd") is None

    await run(given, wasi.WasiCtx(args=["program", "-v"], env={"A": "1", "B": "ü"}, cwd="/here"), PROGRAM)
    await run(nothing, program=PROGRAM)


@pytest.mark.parametrize(
    ("name", "argument", "code"),
    [("exit", weft.Ok(None), 0), ("exit", weft.Err(None), 1), ("exit-with-code", 0, 0), ("exit-with-code", 42, 42)],
)
async def test_exits(name: str, argument: object, code: int) -> None:
    """A guest ends its program with success, failure or a status."""

    async def main(guest: Guest) -> None:
        with pytest.raises(wasi.Exit) as caught:
            await guest(name, argument)
        assert caught.value.code == code

    await run(main, program=PROGRAM)


@pytest.mark.parametrize("is_terminal", [False, True])
async def test_terminals(*, is_terminal: bool) -> None:
    """A guest learns whether an output is a terminal, by a resource that it may drop."""

    class Screen:
        def __init__(self) -> None:
            self.is_terminal = is_terminal
            self.write_from = wasi.Discard().write_from
            self.wait_writable = wasi.Discard().wait_writable

    async def main(guest: Guest) -> None:
        handle = await guest("get-terminal-stdout")
        assert (handle is not None) is is_terminal
        if handle is not None:
            await guest("drop-terminal-output", handle)

    await run(main, wasi.WasiCtx(stdout=Screen()), PROGRAM)


def wall_clock(time_ns: int) -> wasi.WasiCtx:
    class Clock:
        def now_ns(self) -> int:
            return time_ns

        def resolution_ns(self) -> int:
            return 1_000_000_001

    return wasi.WasiCtx(wall_clock=Clock())


@pytest.mark.parametrize(
    ("time_ns", "seconds", "nanoseconds"), [(1_500_000_007_000_000_008, 1_500_000_007, 8), (0, 0, 0), (-1, 0, 0)]
)
async def test_the_time_of_day(time_ns: int, seconds: int, nanoseconds: int) -> None:
    """A guest gets the time since 1970, as which it sees times before that, too; its zone is UTC."""

    async def main(guest: Guest) -> None:
        now = await guest("now")
        assert (now.seconds, now.nanoseconds) == (seconds, nanoseconds)
        resolution = await guest("resolution")
        assert (resolution.seconds, resolution.nanoseconds) == (1, 1)
        display = await guest("display", now)
        assert (display.utc_offset, display.name, display.in_daylight_saving_time) == (0, "UTC", False)
        assert await guest("utc-offset", now) == 0

    await run(main, wall_clock(time_ns), PROGRAM)


async def random_values(ctx: wasi.WasiCtx) -> Mapping[str, object]:
    async def main(guest: Guest) -> Mapping[str, object]:
        return {
            "secure": await guest("get-random-bytes", 100),
            "insecure": await guest("get-insecure-random-bytes", 100),
            "u64": [await guest("get-random-u64"), await guest("get-insecure-random-u64")],
            "seed": await guest("insecure-seed"),
        }

    return await run(main, ctx, PROGRAM)


async def test_random_numbers() -> None:
    """A guest gets as many random bytes as it asks for; they are the same again only where a seed says so."""
    one, other = await random_values(wasi.WasiCtx()), await random_values(wasi.WasiCtx())
    assert all(one[name] != other[name] for name in one)
    seeded = [await random_values(wasi.WasiCtx(random=wasi.Randomness(seed=1))) for _ in range(2)]
    assert seeded[0] == seeded[1]
    assert all(len(value) == 100 for value in (one["secure"], one["insecure"]) if isinstance(value, bytes))


@pytest.mark.parametrize("name", ["get-random-bytes", "get-insecure-random-bytes"])
async def test_too_many_random_numbers_trap(name: str) -> None:
    """A guest gets all the random bytes it asks for, or traps: it must not take fewer for as many."""
    ctx = wasi.WasiCtx(limits=wasi.WasiLimits(random_byte_length=10))

    async def main(guest: Guest) -> None:
        assert len(await guest(name, 10)) == 10
        assert await guest(name, 0) == b""
        with pytest.raises(weft.Trap, match="random bytes"):
            await guest(name, 2**64 - 1)

    await run(main, ctx, PROGRAM)
