"""Resources: Python objects for those of the host, handles for those of the guest."""

from __future__ import annotations

from typing import Any

import pytest

from weft import Err, LowerError


def test_host_resource(world: Any, host: Any) -> None:
    """A resource of the host is the object itself; it can be lent, and given to a guest that drops it."""
    counter = world.things.make_counter_sync(5)
    assert world.things.bump_sync(counter, 2) == 7
    assert world.things.bump_sync(counter, 2) == 9
    assert (counter.value, host.dropped) == (9, [])
    world.things.discard_sync(counter)
    assert host.dropped == [9]


def test_host_makes_resources(world: Any, host: Any) -> None:
    """An object that no guest has seen can be lent to one, and is not kept alive by it."""
    counter = host.new_counter(None, 1)
    assert world.things.bump_sync(counter, 1) == 2
    with pytest.raises(LowerError, match="None"):
        world.things.discard_sync(None)


def test_guest_resource(world: Any, package: Any) -> None:
    """A resource of the guest is a handle with its methods; giving it away and dropping it end it."""
    account = world.things.new_account_sync(42)
    assert account.number_sync() == 42
    passed = world.things.account_pass_sync(account)
    assert isinstance(passed, package.things.Account)
    with pytest.raises(LowerError):
        world.things.account_pass_sync(account)
    passed.drop()
    with pytest.raises(ValueError, match="given away"):
        passed.drop()


def test_handles_are_checked(world: Any) -> None:
    """What is no handle is refused by name."""
    with pytest.raises(LowerError, match="account"):
        world.things.account_pass_sync(Err(1))
