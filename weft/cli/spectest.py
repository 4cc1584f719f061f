"""What scripts written for Wasmtime's runner expect of their host: a few functions, resources and a module.

Source: the names and signatures that those scripts import.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from attrs import define, frozen

from weft.cli._runtime import WeftRuntime
from weft.runtime.resource import Resource
from weft.runtime.task import CANCELLED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from weft.canon.types import FuncType
    from weft.host.linker import Linker, LinkerInstance
    from weft.runtime.instance import RootInstance
    from weft.runtime.resource import ResourceType
    from weft.runtime.store import StoreState
    from weft.runtime.task import Caller, Cancel

_MODULE: Final = '(module (global (export "g") i32 i32.const 100) (func (export "f") (result i32) i32.const 101))'


def script_runtime(features: Mapping[str, object] | None) -> WeftRuntime:
    """Return what a script runs in: the runtime for its feature lines, and a host for it."""
    runtime = WeftRuntime(features)
    define_spectest(runtime.linker)
    return runtime


def define_spectest(linker: Linker) -> None:
    """Define everything that a script may import from its host."""
    root = linker.root
    root.func_wrap("host-echo-u32", lambda _store, value: value)
    root.func_wrap("host-return-two", lambda _store: 2)
    host = linker.instance("host")
    host.func_wrap("return-three", lambda _store: 3)
    host.func_wrap("return-hi", lambda _store: "hi")
    host.instance("nested").func_wrap("return-four", lambda _store: 4)
    host.module("simple-module", _MODULE)
    host.define("never-return", Slow(None))
    host.define("return-two-slowly", Slow(lambda: 2))
    host.define("echo-slowly", Slow(lambda value: value))
    _define_resources(host)
    # The table whose size Wasmtime's scripts limit to find leaks is not there to leak.
    linker.instance("wasmtime").func_wrap("set-max-table-capacity", lambda _store, _capacity: None)


def _define_resources(host: LinkerInstance) -> None:
    dropped: list[int] = []
    first = host.resource("resource1", dropped.append)
    host.define("resource1-again", first)
    host.resource("resource2")
    host.func_wrap("[constructor]resource1", lambda _store, rep: Resource(first, rep))
    host.func_wrap("[static]resource1.assert", lambda _store, handle, rep: _expect(handle, first, rep=rep))
    host.func_wrap("[static]resource1.last-drop", lambda _store: dropped[-1] if dropped else 0)
    host.func_wrap("[static]resource1.drops", lambda _store: len(dropped))
    host.func_wrap("[method]resource1.simple", lambda _store, handle, rep: _expect(handle, first, rep=rep, owned=False))

    def take(this: Resource, other: Resource, *, owned: bool) -> None:
        _expect(this, first, owned=False)
        _expect(other, first, owned=owned)

    host.func_wrap("[method]resource1.take-borrow", lambda _store, this, other: take(this, other, owned=False))
    host.func_wrap("[method]resource1.take-own", lambda _store, this, other: take(this, other, owned=True))
    host.define("[method]resource1.never-return", Slow(None))


def _expect(handle: Resource, rt: ResourceType, *, rep: int | None = None, owned: bool | None = None) -> None:
    if handle.type is not rt or rep not in {None, handle.rep} or owned not in {None, handle.owned}:
        raise AssertionError(f"{handle} is not what the script promised")


@final
@frozen(eq=False)
class Slow:
    """A function that has not returned yet when it gives control back (`weft.component.items.FuncProvider`).

    It needs no event loop, so that scripts can be run without one.

    Attributes:
        func: called with the arguments when other work of the store had its turn; None for never.
    """

    func: Callable[..., object] | None

    def bind(self, root: RootInstance, name: str, _func_type: FuncType) -> _SlowCallee:
        """Return the function for one import."""
        return _SlowCallee(name, self.func, root.store)


@final
@frozen(eq=False)
class _SlowCallee:
    name: str
    func: Callable[..., object] | None
    store: StoreState
    may_block: bool = True

    def invoke(self, caller: Caller) -> Cancel:
        call = _SlowCall(caller, caller.on_start())
        if self.func is not None:
            func = self.func
            self.store.scheduler.push_job(lambda: call.resolve(func(*call.args)))
        return call


@final
@define(eq=False)
class _SlowCall:
    caller: Caller
    args: tuple[object, ...]
    resolved: bool = False

    def resolve(self, value: object) -> None:
        if not self.resolved:
            self.resolved = True
            self.caller.on_resolve(value)

    def request_cancellation(self) -> None:
        self.resolve(CANCELLED)


__all__ = ["Slow", "define_spectest", "script_runtime"]
