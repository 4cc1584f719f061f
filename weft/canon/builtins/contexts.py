"""context.get, context.set: two words of storage a thread.

Source: CanonicalABI.md, "`canon context.get`".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from weft.runtime.instance import ComponentInstance


def canon_context_get(inst: ComponentInstance, slot: int) -> int:
    """Return what the current thread stored in `slot`."""
    return inst.store.running_thread().storage[slot]


def canon_context_set(inst: ComponentInstance, slot: int, value: int) -> None:
    """Store `value` in `slot` of the current thread."""
    thread = inst.store.running_thread()
    first, second = thread.storage
    thread.storage = (first, value) if slot else (value, second)
