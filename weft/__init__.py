"""A concurrent runtime for the WebAssembly Component Model."""

from weft.canon.values import Err, Ok, Some
from weft.engine import EngineError, StoreLimits, WatError
from weft.errors import (
    CallAbortedError,
    CallCancelledError,
    ConsumerError,
    DeadlockError,
    DecodeError,
    InternalError,
    LinkError,
    LowerError,
    ProducerError,
    ResourceHasChildrenError,
    ResourceNotPresentError,
    ResourceTableError,
    ResourceTableFullError,
    ResourceWrongTypeError,
    StoreError,
    Trap,
    TrapCode,
    ValidationError,
    WeftError,
    WitError,
    WriterTrappedError,
)
from weft.host.accessor import Accessor
from weft.host.call_stack import TaskId, async_call_stack
from weft.host.calls import Call
from weft.host.component import Component
from weft.host.config import Config, Engine
from weft.host.func import Func
from weft.host.instance import Instance
from weft.host.linker import Linker, LinkerInstance
from weft.host.module import Module
from weft.host.resource_table import ResourceTable
from weft.host.store import Store
from weft.host.streams import consumers, producers
from weft.host.streams.destination import Destination
from weft.host.streams.pipes import Pipe
from weft.host.streams.readers import FutureReader, StreamReader
from weft.host.streams.source import Source
from weft.host.streams.transmits import (
    CANCELLED,
    PENDING,
    UNBOUND,
    FutureAnswer,
    FutureConsumer,
    FutureProducer,
    Produced,
    StreamAnswer,
    StreamConsumer,
    StreamProducer,
    StreamResult,
)
from weft.host.streams.wakers import Waker
from weft.host.tasks import JoinHandle
from weft.host.trace import TraceWriter
from weft.runtime.error_context import ErrorContext
from weft.runtime.observer import Observer
from weft.runtime.resource import Resource, ResourceType

__all__ = [
    "CANCELLED",
    "PENDING",
    "UNBOUND",
    "Accessor",
    "Call",
    "CallAbortedError",
    "CallCancelledError",
    "Component",
    "Config",
    "ConsumerError",
    "DeadlockError",
    "DecodeError",
    "Destination",
    "Engine",
    "EngineError",
    "Err",
    "ErrorContext",
    "Func",
    "FutureAnswer",
    "FutureConsumer",
    "FutureProducer",
    "FutureReader",
    "Instance",
    "InternalError",
    "JoinHandle",
    "LinkError",
    "Linker",
    "LinkerInstance",
    "LowerError",
    "Module",
    "Observer",
    "Ok",
    "Pipe",
    "Produced",
    "ProducerError",
    "Resource",
    "ResourceHasChildrenError",
    "ResourceNotPresentError",
    "ResourceTable",
    "ResourceTableError",
    "ResourceTableFullError",
    "ResourceType",
    "ResourceWrongTypeError",
    "Some",
    "Source",
    "Store",
    "StoreError",
    "StoreLimits",
    "StreamAnswer",
    "StreamConsumer",
    "StreamProducer",
    "StreamReader",
    "StreamResult",
    "TaskId",
    "TraceWriter",
    "Trap",
    "TrapCode",
    "ValidationError",
    "Waker",
    "WatError",
    "WeftError",
    "WitError",
    "WriterTrappedError",
    "async_call_stack",
    "consumers",
    "producers",
]
