"""Run guests whose bytes were damaged; started by `test_mutated_guests.py` as a process of its own.

Usage: ``python mutate.py FIRST END``, the seeds to run. It prints how the runs ended, and fails on an unnamed error.
"""

from __future__ import annotations

import collections
import random
import sys
from pathlib import Path
from typing import Any

import random_guest

import weft
from weft.engine.wat import wat2wasm

ENGINE = weft.Engine(weft.Config(cache_dir=None, fuel=True, opt_level="none"))
FUEL = 300_000
TINY = Path(__file__).parents[1] / "integration" / "tiny.wat"


def make_linker() -> weft.Linker:
    """Return what both guests import."""
    linker = weft.Linker(ENGINE)

    async def one(_accessor: weft.Accessor, *_: object) -> int:
        return 1

    tiny = linker.instance("demo:tiny/host")
    tiny.func_wrap_concurrent("nap", one)
    tiny.func_wrap("twice", lambda _store, x: x)
    linker.root.resource("thing")
    host = linker.instance("host")
    for name in ("number", "send", "get", "give"):
        host.func_wrap_concurrent(name, one)
    host.func_wrap("make", lambda _store: None)
    return linker


def damaged(source: bytes, chance: random.Random) -> bytes:
    """Return `source` with up to four bytes changed."""
    data = bytearray(source)
    for _ in range(chance.choice((1, 1, 2, 4))):
        at = chance.randrange(8, len(data))
        data[at] = chance.choice((data[at] ^ 1 << chance.randrange(8), chance.randrange(256), data[-at], 0xFF, 0))
    return bytes(data)


def argument(t: Any) -> Any:
    """Return a value that fits most types."""
    plain = {"string": "h\xe9", "char": "x", "bool": True, "f32": 1.5, "f64": 2.5}
    return plain.get(getattr(t, "value", ""), 7 if hasattr(t, "value") else b"abc")


def run(data: bytes, linker: weft.Linker) -> str:
    """Instantiate, call every export, and say how it ended."""
    try:
        component = weft.Component(ENGINE, data)
    except weft.WeftError as error:
        return type(error).__name__
    with weft.Store(ENGINE) as store:
        store.state.core.set_fuel(FUEL)
        try:
            instance = linker.instantiate_sync(store, component)
        except weft.WeftError as error:
            return f"instantiation: {type(error).__name__}"
        ends = {call(store, instance, name) for name in ("add", "twice", "echo", "trap", "double", "pipe")}
    return " ".join(sorted(ends - {""}))


def call(store: weft.Store, instance: weft.Instance, name: str) -> str:
    """Call an export if it is there, and say how it ended."""
    func = instance.find_func(name) or instance.find_func("b", "number")
    if func is None:
        return ""
    try:
        func.call(store, *(argument(param.type) for param in func.type.params))
    except weft.InternalError:
        raise
    except weft.WeftError as error:
        return type(error).__name__
    return "returned"


def main() -> None:
    """Run the seeds that the command line names."""
    sources = (wat2wasm(TINY.read_bytes()), wat2wasm(random_guest.component_text()))
    linker = make_linker()
    ends: collections.Counter[str] = collections.Counter()
    for seed in range(int(sys.argv[1]), int(sys.argv[2])):
        chance = random.Random(seed)
        ends[run(damaged(sources[seed % 4 == 0], chance), linker)] += 1
    print(dict(ends))


if __name__ == "__main__":
    main()
