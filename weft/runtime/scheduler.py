"""Which thread runs next.

Two queues: threads that something happened to, and threads that yielded and so let the others go first. Both are
first in, first out; with a seed the choice is random but repeatable, which tests use to try many interleavings.
"""

from __future__ import annotations

import random
from collections import deque
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from collections.abc import Callable

    from weft.runtime.thread import Thread


@final
class Scheduler:
    """The run queues of one store.

    Attributes:
        on_push: called when work arrives in empty queues, so that a sleeping driver can wake up.
    """

    __slots__ = ("_high", "_jobs", "_low", "_random", "on_push")

    def __init__(self, seed: int | None = None) -> None:
        self._high: deque[Thread] = deque()
        self._low: deque[Thread] = deque()
        self._jobs: deque[Callable[[], None]] = deque()
        self._random = None if seed is None else random.Random(seed)
        self.on_push: Callable[[], None] | None = None

    def __bool__(self) -> bool:
        return bool(self._high or self._jobs or self._low)

    def only_yielded(self) -> bool:
        """Whether nothing is ready but threads that want others to run first."""
        return bool(self._low) and not (self._high or self._jobs)

    def push(self, thread: Thread) -> None:
        """Queue a thread whose condition may hold now."""
        thread.queued = True
        (self._low if thread.low_priority else self._high).append(thread)
        if self.on_push is not None:
            self.on_push()

    def push_job(self, job: Callable[[], None]) -> None:
        """Queue a piece of host work: a start, a completion."""
        self._jobs.append(job)
        if self.on_push is not None:
            self.on_push()

    def run_one(self) -> bool:
        """Run one ready thread or job; False when nothing is ready."""
        while True:
            if self._jobs and (not self._high or self._random is None or self._random.random() < 0.5):
                self._jobs.popleft()()
                return True
            queue = self._high or self._low
            if not queue:
                return False
            thread = self._take(queue)
            thread.queued = False
            if thread.waiting and thread.ready():
                thread.resume()
                return True

    def _take(self, queue: deque[Thread]) -> Thread:
        if self._random is None:
            return queue.popleft()
        queue.rotate(-self._random.randrange(len(queue)))
        return queue.popleft()
