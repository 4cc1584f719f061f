"""Python specialised for one core signature: calls, host callbacks, and the frames of fibers.

A walk over the types on every call would cost more than the call. So the source is generated once a signature, and the
function it makes is called once a core function. Values are read and written through `memoryview.cast` items, which
measured faster than `struct` and much faster than ctypes; an item of the wrong type or range raises.
"""

from __future__ import annotations

import ctypes
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from weft.engine import _lib
from weft.engine.callback import HEADROOM, NAMES, shielded
from weft.engine.coretypes import EngineError
from weft.engine.trap import surface
from weft.errors import InternalError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from weft.engine.coretypes import CoreSig

_CODES: Final = {"i32": "I", "i64": "Q", "f32": "f", "f64": "d"}
_KINDS: Final = {"i32": 0, "i64": 1, "f32": 2, "f64": 3}
_WIDTH: Final = {"I": 4, "Q": 8, "f": 4, "d": 8}
_CACHED_VIEWS: Final = 4096
_CALLBACKS: Final = frozenset({"host", "blocking"})


class Blocked:
    """The type of `BLOCKED`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "BLOCKED"


BLOCKED: Final = Blocked()
"""Returned by the function of a blocking function: suspend the fiber, and ask `CoreStore.on_finish` for the results."""

CLOSED: Final = object()
"""The first entry of ``CoreStore.running`` once the store is closed."""


def refuse(running: list[Any]) -> None:
    """Do nothing while the store of `running` is open.

    Raises:
        StoreError: it is closed.
    """
    if running and running[0] is CLOSED:
        msg = "the store is closed"
        raise StoreError(msg)


def refuse_block(top: object) -> None:
    """Raise for a function that wants to block where no fiber can be suspended; `top` is the fiber, if there is one."""
    if top is not None:
        msg = "a guest that uses exceptions or garbage collection cannot be suspended: see trust_references"
        raise EngineError(msg)
    msg = "a function blocked outside a fiber, or with a host call between it and its fiber"
    raise InternalError(msg)


def _slots(names: tuple[str, ...], stride: int, offset: int = 0) -> list[str]:
    """Return an expression for each slot, such as ``vI[4]``."""
    codes = [_CODES[name] for name in names]
    return [f"v{code}[{(stride * i + offset) // _WIDTH[code]}]" for i, code in enumerate(codes)]


def _codes(names: tuple[str, ...]) -> list[str]:
    return sorted({_CODES[name] for name in names})


def _names(count: int, prefix: str = "a") -> list[str]:
    return [f"{prefix}{i}" for i in range(count)]


def _result(slots: list[str]) -> str:
    return slots[0] if len(slots) == 1 else f"({', '.join(slots)})" if slots else "None"


def _compile(source: list[str], name: str, sig: object) -> Callable[..., Any]:
    scope: dict[str, Any] = {
        "BLOCKED": BLOCKED,
        "refuse": refuse,
        "refuse_block": refuse_block,
        "surface": surface,
        "call_unchecked": _lib.call_unchecked,
        "call_async": _lib.call_async,
        **NAMES,
    }
    code = compile("\n".join(source), f"<weft {name} {sig}>", "exec")
    exec(shielded(code) if name in _CALLBACKS else code, scope)
    return scope[name]  # type: ignore[no-any-return]


@lru_cache(maxsize=1024)
def call_maker(sig: CoreSig) -> Callable[..., Any]:
    """Return ``make(store, args, vQ, views) -> (call, invoke)`` for direct calls.

    `args` are the prebuilt ctypes arguments, `vQ` the buffer as 64-bit items, `views` one view a code of `sig`.
    The trap pointer lies after the value slots.
    """
    count = max(len(sig.params), len(sig.results))
    names, codes = _names(len(sig.params)), _codes(sig.params + sig.results)
    slot = f"trap[{2 * count}]"
    run = [
        f"  {HEADROOM}",
        "  try:",
        "   if running:",
        "    refuse(running)",
        "    depth = len(running)",
        "    try: running.append(None); error = call_unchecked(*args)",
        "    finally: del running[depth:]",
        "   else: error = call_unchecked(*args)",
        # Only a signal handler raises here; a trap that nobody looked at must not surface from the next call.
        f"  except BaseException: {slot} = 0; raise",
        f"  if error is not None or {slot}:",
        f"   pointer = {slot}; {slot} = 0",
        "   raise surface(store, error, pointer)",
    ]
    stores = [f"  {slot} = {name}" for slot, name in zip(_slots(sig.params, 16), names, strict=True)]
    results = _result(_slots(sig.results, 16))
    source = ["def call(store, args, trap, views):", " running = store.running"]
    source += [f" {''.join(f'v{code}, ' for code in codes)} = views"] if codes else []
    source += [f" def call({', '.join(names)}):", *stores, *run, f"  return {results}"]
    source += [" def invoke():", *run, " return call, invoke"]
    return _compile(source, "call", sig)


def calls_into(store: object, frame: FrameType | None) -> bool:
    """Return whether a direct call into `store` is under way somewhere below `frame`.

    An outermost direct call leaves no trace in ``store.running``, which would cost a tenth of the call.
    """
    while frame is not None:
        if frame.f_code.co_filename.startswith("<weft call ") and frame.f_locals.get("store") is store:
            return True
        frame = frame.f_back
    return False


@lru_cache(maxsize=1024)
def detour_maker(sig: CoreSig) -> Callable[..., Any]:
    """Return ``make(call, views) -> invoke`` for stores whose guests yield: values go through `call`."""
    codes = _codes(sig.params + sig.results)
    slots = _slots(sig.results, 16)
    source = ["def detour(call, views):"]
    source += [f" {''.join(f'v{code}, ' for code in codes)} = views"] if codes else []
    target = f"{', '.join(slots)} = " if slots else ""
    source += [" def invoke():", f"  {target}call({', '.join(_slots(sig.params, 16))})", " return invoke"]
    return _compile(source, "detour", sig)


def _callback(params: tuple[str, ...], results: tuple[str, ...], fn: str, *, blocking: bool) -> list[str]:
    """Return the body of a host callback ``(env, caller, values)``; a blocking one adds a status after the results."""
    kept = (*results, "i32") if blocking else results
    codes = _codes(params + kept)
    target = ", ".join(f"v{code}" for code in codes) + ("," if len(codes) > 1 else "")
    body = ["  try:"]
    if codes:
        body += [f"   try: {target} = views[values]", f"   except KeyError: {target} = see(values)"]
    call = f"{fn}({', '.join(_slots(params, 16))})"
    slots = _slots(kept, 16)
    if not blocking:
        body += [f"   {', '.join(slots)} = {call}" if slots else f"   {call}"]
    else:
        status = slots.pop()
        body += [f"   result = {call}", "   if result is BLOCKED:"]
        body += ["    top = running[-1] if running else None"]
        body += ["    if top is None or not store.suspendable: refuse_block(top)"]
        body += [f"    top.parked = 1; {status} = 1", "   else:"]
        body += [f"    {', '.join(slots)} = result"] if slots else []
        body += [f"    {status} = 0"]
    body += ["  except BaseException as error:", "   store.pending = error", "   for trap in TRAPS: return trap"]
    return body


def _viewer(names: tuple[str, ...], count: int) -> Callable[[dict[int, Any]], Callable[[int], Any]]:
    """Return ``make(views) -> see(address)``, where `see` caches the views of the values at an address.

    The same few stack addresses come again and again, and a lookup costs a third of making the views. A view is only
    used during the callback that was given its address.
    """
    kind = ctypes.c_ubyte * (16 * count)

    def make(views: dict[int, Any]) -> Callable[[int], Any]:
        def see(address: int) -> Any:
            if len(views) >= _CACHED_VIEWS:
                views.clear()
            found: Any = views_of(memoryview(kind.from_address(address)).cast("B"), names)
            if len(found) == 1:
                (found,) = found
            views[address] = found
            return found

        return see

    return make


@lru_cache(maxsize=1024)
def host_maker(sig: CoreSig) -> Callable[..., Any]:
    """Return ``make(store, fn) -> callback`` for plain host functions."""
    body = _callback(sig.params, sig.results, "fn", blocking=False)
    source = ["def host(store, fn, views, see):", " def callback(env, caller, values):", *body, " return callback"]
    made = _compile(source, "host", sig)
    viewer = _viewer(sig.params + sig.results, max(len(sig.params), len(sig.results), 1))

    def make(store: object, fn: object) -> Any:
        views: dict[int, Any] = {}
        return made(store, fn, views, viewer(views))

    return make


@lru_cache(maxsize=1024)
def begin_maker(sig: CoreSig) -> Callable[..., Any]:
    """Return ``make(store, fn) -> callback`` for the first half of a blocking function."""
    body = _callback(sig.params, sig.results, "fn", blocking=True)
    return _blocking(body, sig.params + sig.results, max(len(sig.params), len(sig.results) + 1), sig)


@lru_cache(maxsize=1024)
def finish_maker(results: tuple[str, ...]) -> Callable[..., Any]:
    """Return ``make(store, None) -> callback`` for the second half of a blocking function."""
    body = _callback((), results, "store.on_finish", blocking=True)
    return _blocking(body, results, len(results) + 1, results)


def _blocking(body: list[str], names: tuple[str, ...], count: int, sig: object) -> Callable[..., Any]:
    source = ["def blocking(store, fn, views, see):", " running = store.running"]
    source += [" def callback(env, caller, values):", *body, " return callback"]
    made = _compile(source, "blocking", sig)
    viewer = _viewer((*names, "i32"), count)

    def make(store: object, fn: object) -> Any:
        views: dict[int, Any] = {}
        return made(store, fn, views, viewer(views))

    return make


@lru_cache(maxsize=1024)
def fiber_maker(sig: CoreSig) -> Callable[..., Any]:
    """Return ``make(store, views, pool) -> (launch, collect)`` for calls on fibers.

    ``launch(frame, flat)`` writes the arguments (Wasmtime copies them at once, so all calls share one place) and
    returns the call future. ``collect(frame)`` reads the results, returns the frame to `pool`, and raises for a trap.
    A frame is ``(words, arguments of the C call, one view a code of the results...)``; its last two words are the
    pointers to a trap and an error.
    """
    names = _names(len(sig.params))
    codes, end = _codes(sig.results), 4 * len(sig.results)
    slots = _slots(sig.results, 32, 8)
    source = ["def fiber(store, views, pool):"]
    given = _codes(sig.params)
    source += [f" {''.join(f'v{code}, ' for code in given)} = views"] if given else []
    source += [" def launch(frame, flat):"]
    source += [f"  {''.join(f'{name}, ' for name in names)} = flat"] if names else ["  () = flat"]
    source += [f"  {slot} = {name}" for slot, name in zip(_slots(sig.params, 32, 8), names, strict=True)]
    source += ["  return call_async(*frame[1])", " def collect(frame):"]
    source += [f"  words, _{''.join(f', v{code}' for code in codes)} = frame"]
    source += [f"  if words[{end}] or words[{end + 1}]:"]
    source += [f"   trap = words[{end}]; error = words[{end + 1}]; words[{end}] = words[{end + 1}] = 0"]
    source += ["   pool.append(frame)", "   raise surface(store, error or None, trap)"]
    source += [f"  result = ({''.join(f'{slot}, ' for slot in slots)})", "  pool.append(frame)", "  return result"]
    source += [" return launch, collect"]
    return _compile(source, "fiber", sig)


def views_of(raw: memoryview, names: tuple[str, ...]) -> tuple[memoryview, ...]:
    """Return one cast of `raw` for each item code that `names` need, in the order generated code expects."""
    casts: Any = raw.cast
    return tuple(casts(code) for code in _codes(names))


def kind_of(name: str) -> int:
    """Return the ``wasmtime_valkind_t`` of a numeric type."""
    return _KINDS[name]
