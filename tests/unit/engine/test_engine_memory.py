import pytest

from weft.engine import CoreStore, EngineError, MemoryType, StoreLimits, wat2wasm
from weft.errors import StoreError

MEMORY = """(module (memory (export "m") 1 10)
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0))))"""


def test_the_view_is_the_guests_memory(load):
    """What host code writes the guest reads."""
    exports = load(MEMORY)
    memory = exports["m"]
    assert memory.type == MemoryType(1, 10)
    assert len(memory.view) == 65536
    memory.view[5] = 77
    assert exports["load"].call(5) == 77


def test_growth_by_the_guest_is_seen(load):
    """The view's length is a lower bound until `size` or `check` looks again; old views still see the same bytes."""
    exports = load(MEMORY)
    memory, old = exports["m"], exports["m"].view
    assert exports["grow"].call(2) == 1
    assert memory.check(3 * 65536 - 1, 1)
    assert not memory.check(3 * 65536, 1)
    assert memory.check(3 * 65536, 0)
    assert len(memory.view) == memory.size() == 3 * 65536
    memory.view[0] = 9
    assert old[0] == 9
    assert memory.grow(1) == 3
    with pytest.raises(EngineError, match="grow"):
        memory.grow(100)


def test_an_empty_memory(load):
    """A memory without pages has an empty view that grows."""
    memory = load('(module (memory (export "m") 0))')["m"]
    assert len(memory.view) == memory.size() == 0
    assert memory.check(0, 0)
    assert not memory.check(0, 1)
    memory.grow(1)
    assert memory.check(65535, 1)


def test_memory64(load):
    """A 64-bit memory has i64 addresses and is otherwise the same."""
    exports = load(
        """(module (memory (export "m") i64 1 4)
        (func (export "load") (param i64) (result i64) (i64.load (local.get 0))))"""
    )
    memory = exports["m"]
    assert memory.is64
    memory.view[8:16] = (2**63 + 1).to_bytes(8, "little")
    assert exports["load"].call(8) == 2**63 + 1
    assert not memory.check(2**64 - 1, 2)


def test_several_memories_of_one_module(load):
    """Multi-memory works, and each memory has its own bytes."""
    exports = load('(module (memory (export "a") 1) (memory (export "b") 2))')
    exports["a"].view[0] = 1
    assert exports["b"].view[0] == 0
    assert exports["b"].size() == 2 * 65536
    assert not exports["a"].same(exports["b"])


def test_a_loan_ends_with_release(load):
    """After `release` any use of the view raises, and a second release is nothing."""
    memory = load(MEMORY)["m"]
    with memory.borrow(10, 4) as loan:
        loan.view[:] = b"abcd"
    assert bytes(memory.view[10:14]) == b"abcd"
    with pytest.raises(ValueError, match="released"):
        loan.view[0]
    loan.release()


def test_a_read_only_loan(load):
    """`writable=False` lends bytes that host code cannot change."""
    with load(MEMORY)["m"].borrow(0, 4, writable=False) as loan, pytest.raises(TypeError, match="read-only"):
        loan.view[0] = 1


@pytest.mark.parametrize("stretch", [(-1, 1), (0, -1), (65536, 1), (0, 65537), (2**64, 1)])
def test_a_loan_is_bounds_checked(load, stretch):
    """A stretch outside the memory is not lent."""
    with pytest.raises(IndexError):
        load(MEMORY)["m"].borrow(*stretch)


@pytest.mark.parametrize("leak", [lambda view: view[1:2], memoryview, lambda view: view.cast("B")])
def test_a_leaked_slice_is_noticed_and_stays_mapped(engine, leak):
    """Host code that keeps a part of a loan is told so, and its view sees mapped memory even after close."""
    store = CoreStore(engine)
    memory = store.instantiate(engine.compile(wat2wasm(MEMORY)), ()).exports["m"]
    loan = memory.borrow(0, 4)
    loan.view[:] = b"wxyz"
    kept = leak(loan.view)
    with pytest.raises(BufferError):
        loan.release()
    store.close()
    assert bytes(kept)[:1] in {b"w", b"x"}


def test_closing_detaches_views(engine):
    """A memory of a closed store has no bytes."""
    store = CoreStore(engine)
    memory = store.instantiate(engine.compile(wat2wasm(MEMORY)), ()).exports["m"]
    store.close()
    assert len(memory.view) == 0
    for act in (memory.size, lambda: memory.check(0, 1), lambda: memory.borrow(0, 0), lambda: memory.grow(1)):
        with pytest.raises(StoreError, match="closed"):
            act()


def test_limits(engine):
    """Guests cannot hold more than the store allows: growth fails with -1, definitions fail with an error."""
    module = engine.compile(wat2wasm(MEMORY))
    with CoreStore(engine, StoreLimits(memory_size=2 * 65536)) as store:
        grow = store.instantiate(module, ()).exports["grow"]
        assert grow.call(1) == 1
        assert grow.call(1) == 2**32 - 1
    for limits in (StoreLimits(memory_size=1), StoreLimits(memories=0), StoreLimits(instances=0)):
        with CoreStore(engine, limits) as store, pytest.raises(EngineError):
            store.instantiate(module, ())
    table = engine.compile(wat2wasm("(module (table 10 funcref))"))
    for limits in (StoreLimits(table_elements=9), StoreLimits(tables=0)):
        with CoreStore(engine, limits) as store, pytest.raises(EngineError):
            store.instantiate(table, ())
