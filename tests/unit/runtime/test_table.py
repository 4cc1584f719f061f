"""Handle tables."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.errors import Trap, TrapCode
from weft.runtime.table import MAX_LENGTH, Table


def code_of(call: object, *args: object) -> TrapCode:
    with pytest.raises(Trap) as caught:
        call(*args)  # type: ignore[operator]
    return caught.value.code


def test_indices() -> None:
    """Indices start at 1; the index freed last is used first."""
    table: Table[str] = Table()
    assert [table.add(x) for x in "abc"] == [1, 2, 3]
    assert table.remove(1) == "a"
    assert table.remove(3) == "c"
    assert [table.add(x) for x in "def"] == [3, 1, 4]
    assert list(table.items()) == [(1, "e"), (2, "b"), (3, "d"), (4, "f")]
    assert list(table) == ["e", "b", "d", "f"]


@pytest.mark.parametrize("index", [0, 2, 5, 2**32 - 1])
def test_unknown(index: int) -> None:
    """Index 0, a free index and one beyond the end stand for nothing."""
    table: Table[str] = Table()
    for x in "ab":
        table.add(x)
    table.remove(2)
    assert code_of(table.get, index) is TrapCode.UNKNOWN_HANDLE
    assert code_of(table.remove, index) is TrapCode.UNKNOWN_HANDLE


def test_full() -> None:
    """A table has a limit, and takes elements again when one is gone."""
    table: Table[int] = Table(3)
    for x in range(3):
        table.add(x)
    assert code_of(table.add, 9) is TrapCode.HANDLE_TABLE_FULL
    table.remove(2)
    assert table.add(9) == 2
    assert Table(2**40).limit == MAX_LENGTH == 2**28 - 1


@given(st.lists(st.integers(0, 6)))
def test_as_a_model(commands: list[int]) -> None:
    """Whatever is added and removed, the table holds what a dictionary and a stack of free indices hold."""
    table: Table[object] = Table()
    model: dict[int, object] = {}
    free: list[int] = []
    for command in commands:
        if command == 0:
            element = object()
            expected = free.pop() if free else len(model) + 1
            assert table.add(element) == expected
            model[expected] = element
        elif command in model:
            assert table.remove(command) is model.pop(command)
            free.append(command)
        else:
            assert code_of(table.remove, command) is TrapCode.UNKNOWN_HANDLE
        assert len(table) == len(model)
        assert dict(table.items()) == model
