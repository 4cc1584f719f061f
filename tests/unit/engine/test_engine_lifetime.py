import gc
import os
import threading
import weakref
from pathlib import Path

import pytest

from weft.engine import BLOCKED, CoreSig, CoreStore, wat2wasm
from weft.errors import InternalError, StoreError, Trap

GUEST = """(module (import "h" "b" (func $b (param i32) (result i32))) (import "h" "f" (func $f (result i32)))
  (memory (export "m") 2) (table (export "t") 1 funcref) (elem (i32.const 0) $g)
  (func $g (export "g") (param i32) (result i32) (i32.store (i32.const 4096) (i32.const 1))
    (i32.add (call $f) (call $b (local.get 0))))
  (func (export "trap") unreachable))"""


def fill(store, module):
    """Use everything a store has: host and blocking functions, suspended fibers, memory views, traps."""
    blocking = store.blocking_func(CoreSig(("i32",), ("i32",)), lambda x: BLOCKED if x else 1)
    plain = store.host_func(CoreSig((), ("i32",)), lambda: 1)
    exports = store.instantiate(module, (blocking, plain)).exports
    store.on_finish = lambda: 2
    fibers = [store.fiber(exports["g"], i) for i in range(5)]
    for fiber in fibers:
        fiber.resume()
    fibers[1].resume()
    fibers[2].cancel()
    exports["t"].get(0).call(0)
    exports["m"].view[0] = 1
    with pytest.raises(Trap):
        exports["trap"].call()
    return exports, fibers


@pytest.fixture(scope="module")
def module(engine):
    return engine.compile(wat2wasm(GUEST))


def open_files():
    """Return the number of open descriptors of this process."""
    return len(list(Path("/proc/self/fd").iterdir()))


def rss():
    """Return the resident bytes of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize("close", [True, False])
def test_stores_leave_no_memory_and_no_descriptors(engine, module, close):
    """Hundreds of stores, closed or just dropped, cost nothing once they are gone."""

    def churn(count):
        for _ in range(count):
            store = CoreStore(engine)
            fill(store, module)
            if close:
                store.close()
        del store
        gc.collect()

    churn(60)
    memory, descriptors = rss(), open_files()
    churn(200)
    assert rss() - memory < 4 << 20
    assert open_files() == descriptors


def test_a_closed_store_leaves_nothing_python_either(engine, module):
    """`close` frees what Wasmtime holds at once; the objects go with their last reference."""
    store = CoreStore(engine)
    exports, fibers = fill(store, module)
    gone = [weakref.ref(store), weakref.ref(exports["g"]), weakref.ref(exports["m"]), weakref.ref(store.native)]
    gc.disable()
    try:
        store.close()
        assert gone[3]() is None
    finally:
        gc.enable()
    del store, exports, fibers
    gc.collect()
    assert [ref() for ref in gone] == [None] * 4


def test_a_dropped_store_is_freed(engine, module):
    """A store nobody closed frees what Wasmtime holds when it is collected."""
    store = CoreStore(engine)
    fill(store, module)
    native = weakref.ref(store.native)
    del store
    gc.collect()
    assert native() is None


def test_close_is_idempotent_and_cancels(engine, module):
    """Closing twice is nothing; suspended fibers are done afterwards."""
    store = CoreStore(engine)
    _, fibers = fill(store, module)
    store.close()
    store.close()
    assert all(fiber.done for fiber in fibers)
    for act in (
        lambda: store.host_func(CoreSig(), print),
        lambda: store.blocking_func(CoreSig(), print),
        lambda: store.instantiate(module, ()),
        lambda: store.set_fuel(1),
        store.get_fuel,
        lambda: store.set_epoch_deadline(1),
    ):
        with pytest.raises(StoreError, match="closed"):
            act()


def test_a_running_store_is_not_closed(store, load):
    """Closing inside a callback would free the stack it stands on."""
    func = store.host_func(CoreSig(), store.close)
    text = '(module (import "h" "f" (func $f)) (func (export "g") (call $f)))'
    exports = load(text, func)
    for enter in (exports["g"].call, store.fiber(exports["g"]).resume):
        with pytest.raises(InternalError, match="running"):
            enter()
    assert not store.closed


def test_two_stores_on_two_threads(engine, module):
    """Stores of one engine are independent of each other."""
    wrong = []

    def work(seed):
        with CoreStore(engine) as store:
            got = {}
            store.on_finish = lambda: got[store.running[-1]]
            blocking = store.blocking_func(CoreSig(("i32",), ("i32",)), lambda _: BLOCKED)
            plain = store.host_func(CoreSig((), ("i32",)), lambda: seed)
            func = store.instantiate(module, (blocking, plain)).exports["g"]
            for round_ in range(40):
                fibers = [store.fiber(func, i) for i in range(25)]
                for i, fiber in enumerate(fibers):
                    got[fiber] = i * round_
                    wrong.extend([fiber] if fiber.resume() else [])
                for i, fiber in enumerate(reversed(fibers)):
                    if not fiber.resume() or fiber.results != ((24 - i) * round_ + seed,):
                        wrong.append(fiber)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in (1, 1000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
