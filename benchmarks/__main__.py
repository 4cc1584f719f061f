"""Run the benchmarks: ``python -m benchmarks [FILTER ...] [--json] [--strict]``."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from benchmarks import beside_jco, calls, instances, outflow, streams, tasks, values
from benchmarks.measure import ROUNDS, measure
from benchmarks.table import as_json, print_group, print_heading, print_row

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.case import Case
    from benchmarks.measure import Row

GROUPS = {
    "calls": calls.CASES,
    "echo": values.CASES,
    "concurrent tasks": tasks.CASES,
    "stream<u8>, host -> guest": streams.CASES,
    "stream<u8>, guest -> host": outflow.CASES,
    "instantiate": instances.CASES,
    "the peer is jco here": beside_jco.CASES,
}


def main() -> int:
    """Run the benchmarks from the command line; exit code 1 when a target is missed and ``--strict`` is given."""
    options = _options()
    rows = []
    if not options.json:
        print_heading()
    for group, cases in GROUPS.items():
        chosen = list(_chosen(group, cases, options.filter))
        if chosen and not options.json:
            print_group(group)
        for case in chosen:
            rows.append(measure(case, rounds=options.rounds, smoke=options.smoke))
            if not options.json:
                print_row(rows[-1])
    _finish(rows, json=options.json)
    return int(options.strict and any(row.ok is False for row in rows))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("filter", nargs="*", help="only groups and cases that have one of these in their name")
    parser.add_argument("--json", action="store_true", help="print JSON, times in seconds")
    parser.add_argument(
        "--rounds", type=int, default=ROUNDS, help="the best of so many rounds counts; slow cases get fewer"
    )
    parser.add_argument("--strict", action="store_true", help="fail when a target is missed")
    parser.add_argument("--smoke", action="store_true", help="run everything a few times only: is it still right?")
    return parser.parse_args()


def _chosen(group: str, cases: Sequence[Case], wanted: Sequence[str]) -> Iterator[Case]:
    for case in cases:
        if not wanted or any(word.lower() in f"{group}: {case.name}".lower() for word in wanted):
            yield case


def _finish(rows: list[Row], *, json: bool) -> None:
    if json:
        print(as_json(rows))
        return
    missed = sum(row.ok is False for row in rows)
    print(f"{missed} of {sum(row.ok is not None for row in rows)} targets missed")


if __name__ == "__main__":
    sys.exit(main())
