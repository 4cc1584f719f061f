"""What running a script gives: a result a directive, and the counts of them all."""

from __future__ import annotations

import enum
from collections import Counter
from typing import TYPE_CHECKING, Final, final

from attrs import define, field, frozen

if TYPE_CHECKING:
    from collections.abc import Iterable

ASSERTIONS: Final = ("assert_return", "assert_trap", "assert_invalid", "assert_malformed", "assert_unlinkable")


@final
class Status(enum.Enum):
    """What became of a directive."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@final
@frozen
class Result:
    """One directive, run.

    Attributes:
        kind: the directive's keyword, e.g. ``assert_return`` or ``component definition``.
        status: what became of it.
        file: the script.
        line: where the directive begins, counted from 1.
        message: why it failed or was skipped; after a pass, a difference in wording that is not held against it.
        detail: the traceback of an exception that nobody expected.
    """

    kind: str
    status: Status
    file: str
    line: int
    message: str = ""
    detail: str = ""


@final
@define(eq=False)
class Tally:
    """The counts of the last line that ``weft wast`` prints."""

    files: int = 0
    failed: int = 0
    skipped: int = 0
    _passed: Counter[str] = field(factory=Counter)
    _total: Counter[str] = field(factory=Counter)

    def add(self, result: Result) -> None:
        """Count one result."""
        self._total[result.kind] += 1
        self._passed[result.kind] += result.status is Status.PASSED
        self.failed += result.status is Status.FAILED
        self.skipped += result.status is Status.SKIPPED

    def add_all(self, results: Iterable[Result]) -> None:
        """Count the results of one file."""
        self.files += 1
        for result in results:
            self.add(result)

    def counts(self, kind: str) -> tuple[int, int]:
        """Return how many directives of a kind passed, and how many there were."""
        return self._passed[kind], self._total[kind]

    def __str__(self) -> str:
        parts = [f"files={self.files}"]
        parts += [f"{kind}={self._passed[kind]}/{self._total[kind]}" for kind in ASSERTIONS]
        return " ".join([*parts, f"failed={self.failed}", f"skipped={self.skipped}"])


__all__ = ["ASSERTIONS", "Result", "Status", "Tally"]
