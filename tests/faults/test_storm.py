"""Many at one order: every loser is told so, with the revision that is there now; everybody gets through."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from faults.checker import check
from faults.fleet import fleet
from faults.tier import SOAK, by_tier, report
from faults.workload import EDGES, Library, Plan, database, prepare
from orderfsm.errors import KeyReused

PROCESSES = by_tier(8, 16)
SENDS = by_tier(60, 10_000)
LOST = 10
"""So many are to lose, however long it takes."""
KEYS = by_tier(5, 1_000)
LEGAL_AFTER = {event: after for _, event, after in EDGES}


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_in_a_storm_on_one_order_every_loser_is_told_the_revision(
    kind: str, tmp_path: Path, postgres_database: Callable[[], str]
) -> None:
    url = postgres_database() if kind == "postgresql" else f"sqlite:///{tmp_path}/orders.db"
    engine = database(url)
    plan = Plan(url, str(tmp_path), prepare(engine, 1), sender="Contender", reads=0, illegal=0)
    with fleet(plan, PROCESSES) as made:
        made.until(SENDS)
        made.waited(lambda: len(lost(tmp_path)) > LOST)
    verdict = check(engine, made.logs)
    engine.dispose()
    took = sorted(seconds for seconds, _, _ in told(tmp_path))
    late = took[len(took) * 99 // 100]
    report(f"storm on {kind}, {len(lost(tmp_path))} conflicts, p99 {late:.3f} s", PROCESSES, 0, verdict)
    assert verdict.faults == {}, verdict
    assert verdict.in_doubt == 0, "nobody deadlocks, times out or fails otherwise"
    assert all(now > seen for seen, now in lost(tmp_path)), "a conflict tells a later revision than was seen"
    if SOAK:
        assert late < 1


def told(folder: Path) -> list[list[Any]]:
    """The notes of those who are in a storm: the seconds of each call, what was seen, what a loser is told."""
    texts = [path.read_text() for path in folder.glob("took-*.log")]
    return [json.loads(line) for text in texts for line in text.splitlines(keepends=True) if line.endswith("\n")]


def lost(folder: Path) -> list[tuple[int, int]]:
    """The revision that each loser had seen, and the one that it was told."""
    return [(seen, now) for _, seen, now in told(folder) if now is not None]


class Patient(Library):
    """Waits for fifty others on a slow machine as well."""

    seconds = 120
    tries = 1_000


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_of_fifty_parallel_requests_with_one_key_one_is_written_and_all_get_its_entry(
    kind: str, tmp_path: Path, postgres_database: Callable[[], str]
) -> None:
    engine = database(postgres_database() if kind == "postgresql" else f"sqlite:///{tmp_path}/orders.db")
    here, there = prepare(engine, 2)
    library = Patient(Plan("", "", ()), engine)
    with ThreadPoolExecutor(50) as pool:
        for number in range(KEYS):
            event = ("accept", "hold", "resume", "pack", "reopen")[number % 5]
            asked = [(here, event, f"call-{number}", f"key-{number}")] * 50
            entries = list(pool.map(lambda request: library.send(*request), asked))
            assert {(entry.sequence, entry.after) for entry in entries} == {(number + 2, LEGAL_AFTER[event])}
    with pytest.raises(KeyReused):
        library.send(here, "hold", "another", "key-0")
    assert library.send(there, "accept", "elsewhere", "key-0").sequence == 2
    assert library.look(here)[1] == KEYS + 1
    engine.dispose()
