"""Asynchronous core modules: plain Wasm, host functions that await, and many calls in flight in one store.

What Wasmtime's asynchronous C API offers for modules that are no components. A guest calls an asynchronous host
function like any other; its stack is put aside while the coroutine runs, and other calls into the same store go on.

    engine = weft.Engine()
    linker = core.Linker(engine)
    linker.define_async_func("host", "nap", core.CoreSig(("i32",), ("i32",)), nap)
    async with core.Store(engine) as store:
        instance = await linker.instantiate_async(store, core.Module(engine, text))
        print(await instance.get_func("run").call_async(1, 2))

Integers are signed in whatever Python gets, as in Wasmtime's C API: -1 for ``i32.const -1``. Python may give them
signed or unsigned. (An address of 2 GiB and more is therefore negative: ``address & 0xFFFF_FFFF`` for a memory.)
"""

from weft.core.externs import Extern, Global, Memory, Table, Tag, Value
from weft.core.func import Func
from weft.core.future import CallFuture
from weft.core.instance import Instance
from weft.core.linker import Linker
from weft.core.module import EngineLike, Module
from weft.core.pre import InstancePre
from weft.core.store import Store
from weft.engine import (
    Borrow,
    CoreSig,
    EngineError,
    ExportType,
    ExternType,
    GlobalType,
    ImportType,
    MemoryType,
    StackCreator,
    StoreLimits,
    TableType,
    TagType,
    WatError,
    wat2wasm,
)

__all__ = [
    "Borrow",
    "CallFuture",
    "CoreSig",
    "EngineError",
    "EngineLike",
    "ExportType",
    "Extern",
    "ExternType",
    "Func",
    "Global",
    "GlobalType",
    "ImportType",
    "Instance",
    "InstancePre",
    "Linker",
    "Memory",
    "MemoryType",
    "Module",
    "StackCreator",
    "Store",
    "StoreLimits",
    "Table",
    "TableType",
    "Tag",
    "TagType",
    "Value",
    "WatError",
    "wat2wasm",
]
