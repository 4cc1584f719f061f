"""WASI for guests: the interfaces of `WASI <https://wasi.dev/>`_ 0.3 and 0.2, on weft's public host API.

linker = weft.Linker(engine)
wasi.add_to_linker(linker)
async with weft.Store(engine, data=wasi.WasiCtx(args=["program"], stdout="inherit")) as store:
status = await wasi.run_command(store, await linker.instantiate(store, component))
"""

from weft.wasi import p2, p3
from weft.wasi.add import add_to_linker
from weft.wasi.command import run_command
from weft.wasi.ctx import Preopen, WasiCtx
from weft.wasi.exit import Exit
from weft.wasi.limits import WasiLimits
from weft.wasi.network import Network
from weft.wasi.randomness import Randomness
from weft.wasi.stdio import Capture, DescriptorInput, DescriptorOutput, Discard, MemoryInput

__all__ = [
    "Capture",
    "DescriptorInput",
    "DescriptorOutput",
    "Discard",
    "Exit",
    "MemoryInput",
    "Network",
    "Preopen",
    "Randomness",
    "WasiCtx",
    "WasiLimits",
    "add_to_linker",
    "p2",
    "p3",
    "run_command",
]
