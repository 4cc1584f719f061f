"""The command line's view of the host API, in one place: what the runner of scripts needs, and what gives it."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Protocol, final

import attrs

from weft.canon.types import FuncType, ResultType
from weft.canon.values import Err, Ok
from weft.component.names import compatible
from weft.component.plan import Import
from weft.engine import WatError, wat2wasm
from weft.errors import DecodeError
from weft.host.component import Component
from weft.host.config import Config, Engine
from weft.host.linker import Linker
from weft.host.store import Store

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from weft.host.func import Func as HostFunc
    from weft.host.instance import Instance as HostInstance
    from weft.host.trace import TraceWriter


class TextError(Exception):
    """The text parser of the engine does not take a component's text."""


class Func(Protocol):
    """An exported function."""

    @property
    def type(self) -> FuncType:
        """Its type."""
        raise NotImplementedError

    def call(self, args: Sequence[object]) -> Any:
        """Call it and wait for its result; a result type gives `Ok` or `Err`. Raises Trap."""


class Instance(Protocol):
    """A component instance."""

    def func(self, path: tuple[str, ...]) -> Func | None:
        """Return an exported function, or None."""


class Runtime(Protocol):
    """Everything that one script runs in: a configuration and the names that its components may import."""

    def assemble(self, text: str | bytes) -> bytes:
        """Turn component text into bytes. Raises TextError."""
        raise NotImplementedError

    def compile(self, data: bytes) -> object:
        """Decode, validate and compile a component. Raises DecodeError and ValidationError."""

    def instantiate(self, component: object) -> Instance:
        """Instantiate in a fresh store, if possible. Raises LinkError and Trap."""
        raise NotImplementedError

    def register(self, name: str, instance: Instance) -> None:
        """Let later components import what an instance exports under `name`, in place of what had that name."""

    def close(self) -> None:
        """Free every store."""


@final
@attrs.frozen(eq=False)
class WeftFunc:
    """A function of the host API."""

    _func: HostFunc

    @property
    def type(self) -> FuncType:
        """The function's type."""
        return self._func.type

    def call(self, args: Sequence[object]) -> Any:
        """Call it and run the store until the result is there."""
        is_result = isinstance(self.type.result, ResultType)
        try:
            value = self._func.call_blocking(*args)
        except Err as error:
            if not is_result:
                raise
            return error
        return Ok(value) if is_result else value


@final
@attrs.frozen(eq=False)
class WeftInstance:
    """An instance of the host API."""

    instance: HostInstance

    def func(self, path: tuple[str, ...]) -> Func | None:
        """Return an exported function, or None."""
        found = self.instance.find_func(*path)
        return None if found is None else WeftFunc(found)


@final
class WeftRuntime:
    """The host API as a `Runtime`.

    Attributes:
        engine: the engine for the features asked for; engines are shared.
        linker: what components may import.

    Args:
        features: switches features of the engine.
        trace: writes the timeline of the first store, which closes it.
    """

    def __init__(self, features: Mapping[str, object] | None = None, trace: TraceWriter | None = None) -> None:
        self._trace = trace
        self.engine = _engine(None if features is None else frozenset(features.items()))
        self.linker = Linker(self.engine, allow_shadowing=True)
        self._stores: list[Store] = []
        self._registered: dict[str, WeftInstance] = {}

    def assemble(self, text: str | bytes) -> bytes:
        """Turn component text into bytes."""
        return assemble(text)

    def compile(self, data: bytes) -> Component:
        """Decode, validate and compile a component."""
        if not data.startswith(b"\0asm"):
            # The host API takes text as well; a script's binary is never that.
            raise DecodeError("magic header not detected: bad magic number", 0)
        return Component.from_bytes(self.engine, data)

    def instantiate(self, component: object) -> WeftInstance:
        """Instantiate in a fresh store, or in that of a registered instance which the component imports from."""
        assert isinstance(component, Component)
        return WeftInstance(self.linker.instantiate_sync(self._store_for(component), component))

    def _store_for(self, component: Component) -> Store:
        for definition in component.plan.definitions:
            if isinstance(definition, Import):
                found = compatible(self._registered, definition.name)
                if found is not None:
                    return self._registered[found].instance.store
        trace, self._trace = self._trace, None
        store = Store(self.engine, trace=trace)
        self._stores.append(store)
        return store

    def register(self, name: str, instance: Instance) -> None:
        """Let later components import what an instance exports."""
        assert isinstance(instance, WeftInstance)
        self._registered[name] = instance
        self.linker.define_instance(name, instance.instance)

    def close(self) -> None:
        """Close every store."""
        while self._stores:
            self._stores.pop().close()


def assemble(text: str | bytes) -> bytes:
    """Turn component text into bytes.

    Raises:
        TextError: it is not component text.
    """
    try:
        return wat2wasm(text)
    except WatError as error:
        raise TextError(str(error)) from error


@functools.cache
def _engine(features: frozenset[tuple[str, object]] | None) -> Engine:
    if features is None or "features" not in attrs.fields_dict(Config):
        return Engine(Config())
    settings: dict[str, Any] = {"features": dict(features)}
    return Engine(Config(**settings))


__all__ = ["Func", "Instance", "Runtime", "TextError", "WeftRuntime", "assemble"]
