"""`python -m benchmarks [section …]`: measure, print, and write benchmarks/results/results.md and results.json."""

from __future__ import annotations

import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor

from benchmarks import report
from benchmarks.measure import computer
from benchmarks.sections import SECTIONS, measured


def main(wanted: list[str]) -> int:
    """Measure the sections, each in a process of its own. A missed target is told and fails nothing; 2 is a misuse."""
    unknown = set(wanted) - set(SECTIONS)
    if unknown:
        print(f"no section {', '.join(sorted(unknown))}; there are {', '.join(SECTIONS)}", file=sys.stderr)
        return 2
    facts, found = computer(), []
    for section in wanted or SECTIONS:
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            for figure in pool.submit(measured, section).result():
                found.append(figure)
                print("\n".join(report.section(figure)), flush=True)
    if not wanted:
        print(f"written: {report.write(facts, found)}")
    missed = [verdict for figure in found for verdict in figure.verdicts if verdict.reached is False]
    print(f"{len(missed)} targets missed" if missed else "every target that was measured was reached")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
