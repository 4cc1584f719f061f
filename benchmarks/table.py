"""Printing: a table for people, JSON for programs."""

from __future__ import annotations

import json
import platform
from importlib.metadata import version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks.case import Target
    from benchmarks.measure import Row

HEADINGS = ("", "weft", "limit", "weft/limit", "wasmtime-py", "peer/weft", "target", "")
WIDTHS = (46, 10, 10, 11, 12, 10, 24, 5)


def print_heading() -> None:
    """Print the first lines."""
    print(_versions())
    print(
        "weft/limit: how many times the time of bare code it takes. peer/weft: how many times faster than wasmtime-py."
    )
    print(_line(HEADINGS))


def print_group(name: str) -> None:
    """Print what the next rows are about."""
    print(f"-- {name}")


def print_row(row: Row) -> None:
    """Print one row, now: the next takes a while."""
    verdict = {True: "ok", False: "MISS", None: ""}[row.ok]
    times = (_time(row.weft), _time(row.limit), _ratio(row.of_limit), _time(row.peer), _ratio(row.of_peer))
    print(_line((row.name, *times, _target(row.target), verdict)), flush=True)


def as_json(rows: Iterable[Row]) -> str:
    """Return the rows as JSON; times are in seconds."""
    found = [
        {
            "name": row.name,
            "weft": row.weft,
            "limit": row.limit,
            "peer": row.peer,
            "of_limit": row.of_limit,
            "of_peer": row.of_peer,
            "target_of_limit": row.target.of_limit,
            "target_of_peer": row.target.of_peer,
            "ok": row.ok,
        }
        for row in rows
    ]
    return json.dumps({"versions": _versions(), "rows": found}, indent=1)


def _versions() -> str:
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"weft {version('weft')}, wasmtime {version('wasmtime')}, {python}, {platform.system()} {platform.machine()}"


def _line(cells: Iterable[str]) -> str:
    first, *others = zip(cells, WIDTHS, strict=True)
    return (first[0].ljust(first[1]) + "".join(cell.rjust(width) for cell, width in others)).rstrip()


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("us", 1e6)):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}" if seconds * factor < 100 else f"{seconds * factor:.0f} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def _ratio(ratio: float | None) -> str:
    if ratio is None:
        return "-"
    return f"{ratio:.0f}x" if ratio >= 100 else f"{ratio:.3g}x"


def _target(target: Target) -> str:
    limit = "" if target.of_limit is None else f"<= {target.of_limit:g}x"
    peer = "" if target.of_peer is None else f">= {target.of_peer:g}x peer"
    return ", ".join(filter(None, (limit, peer)))
