"""What the guests of a store are given of the world: nothing, but what is named here."""

from __future__ import annotations

from collections.abc import Mapping
from os import fspath
from os.path import realpath
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, TypeVar, cast, final

import anyio
import anyio.to_thread
from attrs import define, evolve, field, frozen
from attrs.converters import optional

from weft.wasi.clocks import SystemMonotonicClock, SystemWallClock
from weft.wasi.http.policy import Http
from weft.wasi.limits import ByteCount, HandleCount, WasiLimits
from weft.wasi.network import Network
from weft.wasi.randomness import Randomness
from weft.wasi.read_ahead import with_read_ahead
from weft.wasi.stdio import DescriptorInput, DescriptorOutput, Discard, MemoryInput

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from weft.wasi.byte_io import ByteInput, ByteOutput
    from weft.wasi.clocks import MonotonicClock, WallClock

T = TypeVar("T")

THREADS: Final = 8
"""How many threads work for the guests of one context at once; the event loop has 40 unless it is told otherwise."""


def _text(given: object) -> str:
    text = str(given)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{text!r} cannot be shown to guests: it is no Unicode") from error
    return text


@final
@frozen
class Preopen:
    """A directory of the host's that guests find when they start.

    Attributes:
        host_path: where it is.
        guest_path: what guests call it.
        read_only: whether they may only read what is in it.
    """

    host_path: str = field(converter=fspath)
    guest_path: str = field(converter=_text)
    read_only: bool = field(default=False, kw_only=True)


def _strings(given: Iterable[str]) -> tuple[str, ...]:
    if isinstance(given, str):
        raise TypeError(f"the arguments are a string: make them a list, such as [{given!r}]")
    return tuple(_text(item) for item in given)


def _pairs(given: Mapping[str, str] | Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    items = given.items() if isinstance(given, Mapping) else given
    return tuple((_text(name), _text(value)) for name, value in items)


def _inherits(given: object) -> bool:
    if isinstance(given, str) and given != "inherit":
        raise ValueError(f"stdio is 'inherit' or an object to read from or write to, not {given!r}")
    return isinstance(given, str)


def _real(given: Iterable[Preopen]) -> tuple[Preopen, ...]:
    return tuple(evolve(preopen, host_path=realpath(preopen.host_path)) for preopen in given)


def _stdin(given: ByteInput | Literal["inherit"]) -> ByteInput:
    # What 0.2 reads ahead, to tell whether there is anything, must be seen by all who read.
    return DescriptorInput(0) if _inherits(given) else with_read_ahead(cast("ByteInput", given))


def _stdout(given: ByteOutput | Literal["inherit"]) -> ByteOutput:
    return DescriptorOutput(1) if _inherits(given) else cast("ByteOutput", given)


def _stderr(given: ByteOutput | Literal["inherit"]) -> ByteOutput:
    return DescriptorOutput(2) if _inherits(given) else cast("ByteOutput", given)


@final
@define(eq=False, kw_only=True)
class WasiCtx:
    """What WASI shows to the guests of one store; make one for each store.

    By default guests have no arguments, no environment, an empty standard input, outputs that go nowhere, no
    directories and no network; they have the time and random numbers.

    Attributes:
        args: the arguments, the name of the program first.
        env: the environment, as a mapping or pairs.
        cwd: the initial working directory, by the guests' names.
        stdin: where standard input comes from; ``"inherit"`` for that of the process.
        stdout: where standard output goes; likewise.
        stderr: where standard error goes; likewise.
        preopens: directories of the host's. Symbolic links to them are followed now, and none that comes there later.
        network: what they may do on the network.
        http: what they may do over HTTP.
        wall_clock: the time of day.
        monotonic_clock: the clock for waiting.
        random: random numbers.
        limits: how much they may take.
        block_loop: whether reading and writing files may hold up the event loop: faster, where all the event loop has
            to do is to run one guest, as in a command line tool. Otherwise it is done in threads.
        handles: how many handles are open.
        held: how many bytes are held for them by objects without a handle.
    """

    args: tuple[str, ...] = field(default=(), converter=_strings)
    env: tuple[tuple[str, str], ...] = field(default=(), converter=_pairs)
    cwd: str | None = field(default=None, converter=optional(_text))
    stdin: ByteInput = field(factory=MemoryInput, converter=_stdin)
    stdout: ByteOutput = field(factory=Discard, converter=_stdout)
    stderr: ByteOutput = field(factory=Discard, converter=_stderr)
    preopens: Sequence[Preopen] = field(default=(), converter=_real)
    network: Network = field(factory=Network)
    http: Http = field(factory=Http)
    wall_clock: WallClock = field(factory=SystemWallClock)
    monotonic_clock: MonotonicClock = field(factory=SystemMonotonicClock)
    random: Randomness = field(factory=Randomness)
    limits: WasiLimits = field(factory=WasiLimits)
    block_loop: bool = False
    handles: HandleCount = field(init=False)
    held: ByteCount = field(init=False)
    _turns: anyio.Semaphore | None = field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        self.handles = HandleCount(self.limits.handles)
        self.held = ByteCount(self.limits.held_byte_length)

    async def run_blocking(self, func: Callable[..., T], *args: object) -> T:
        """Call ``func(*args)``, which waits for a disk at the longest, here or in a thread.

        It is never interrupted, but it can be cancelled as long as it waits for a thread: guests may ask for any amount
        of work at once, which nobody has to wait for when they are stopped, or who else needs threads.
        """
        if self.block_loop:
            return func(*args)
        if self._turns is None:
            self._turns = anyio.Semaphore(THREADS, fast_acquire=True)
        async with self._turns:
            with anyio.CancelScope(shield=True):
                return await anyio.to_thread.run_sync(func, *args)
        raise AssertionError  # what is shielded is not cancelled


Getter: TypeAlias = "Callable[[Any], WasiCtx]"
"""Finds the context in the data of a store."""


def whole_data(data: Any) -> WasiCtx:
    """Return the data of a store that is a context and nothing else."""
    if not isinstance(data, WasiCtx):
        raise TypeError(
            f"the data of the store is a {type(data).__name__}, not a WasiCtx: "
            "make it `Store(engine, data=WasiCtx(...))`, or tell `add_to_linker` how to find the context in it"
        )
    return data


__all__ = ["Getter", "Preopen", "WasiCtx", "whole_data"]
