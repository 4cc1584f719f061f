"""The resource that the demo guest exports; componentize-py looks for it in a module named after its interface."""

from __future__ import annotations

from typing import Self

from componentize_py_types import Err
from wit_world.exports import bank
from wit_world.imports import host


class Account(bank.Account):
    """Some money of one owner."""

    def __init__(self, owner: str) -> None:
        self.holder = owner
        self.balance = 0

    def owner(self) -> str:
        return self.holder

    def deposit(self, amount: int) -> int:
        self.balance += amount
        return self.balance

    async def withdraw_later(self, amount: int, ms: int) -> int:
        await host.nap(ms)
        if amount > self.balance:
            raise Err(f"{self.holder} has only {self.balance}")
        self.balance -= amount
        return self.balance

    @classmethod
    def merge(cls, a: Self, b: Self) -> Self:
        merged = cls(f"{a.holder} and {b.holder}")
        merged.balance = a.balance + b.balance
        a.balance = b.balance = 0
        return merged
