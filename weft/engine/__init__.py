"""The only part of weft that talks to Wasmtime: core modules, calls, fibers, memories, traps."""

from weft.engine.codegen import BLOCKED
from weft.engine.config import EngineConfig, StoreLimits, default_cache_dir
from weft.engine.coretypes import (
    CoreSig,
    EngineError,
    ExportType,
    ExternType,
    GlobalType,
    ImportType,
    MemoryType,
    TableType,
    TagType,
)
from weft.engine.engine import CoreEngine, EpochTicker
from weft.engine.extern import CoreExtern
from weft.engine.fiber import Fiber
from weft.engine.func import CoreFunc
from weft.engine.globals import CoreGlobal
from weft.engine.instance import CoreInstance, CoreInstancePre
from weft.engine.memory import Borrow, CoreMemory
from weft.engine.module import CoreModule
from weft.engine.stacks import StackCreator
from weft.engine.store import CoreStore
from weft.engine.table import CoreTable, CoreTag
from weft.engine.wat import WatError, wat2wasm

__all__ = [
    "BLOCKED",
    "Borrow",
    "CoreEngine",
    "CoreExtern",
    "CoreFunc",
    "CoreGlobal",
    "CoreInstance",
    "CoreInstancePre",
    "CoreMemory",
    "CoreModule",
    "CoreSig",
    "CoreStore",
    "CoreTable",
    "CoreTag",
    "EngineConfig",
    "EngineError",
    "EpochTicker",
    "ExportType",
    "ExternType",
    "Fiber",
    "GlobalType",
    "ImportType",
    "MemoryType",
    "StackCreator",
    "StoreLimits",
    "TableType",
    "TagType",
    "WatError",
    "default_cache_dir",
    "wat2wasm",
]
