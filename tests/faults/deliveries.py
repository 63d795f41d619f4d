"""Holds what receivers got against the outbox: everything at least once, each order's in its order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, text

from faults.log import lines

__all__ = ["Delivered", "delivered", "passed_over"]


@dataclass
class Delivered:
    """What arrived: `rows` of the outbox, `repeated` deliveries (allowed), and what must be 0."""

    rows: int = 0
    repeated: int = 0
    missing: int = 0
    unknown: int = 0
    out_of_order: int = 0
    unsettled: int = 0

    @property
    def faults(self) -> dict[str, int]:
        names = ("missing", "unknown", "out_of_order", "unsettled")
        return {name: getattr(self, name) for name in names if getattr(self, name)}


def delivered(engine: Engine, logs: Iterable[Path]) -> Delivered:
    with engine.connect() as connection:
        found = connection.execute(text("SELECT order_id, sequence, position, settled_at FROM order_outbox")).all()
    wanted = {(order, sequence, position) for order, sequence, position, _ in found}
    got = sorted((at, (order, sequence, position)) for path in logs for at, order, sequence, position in lines(path))
    verdict = Delivered(rows=len(wanted), unsettled=sum(row[3] is None for row in found))
    last: dict[int, tuple[int, int]] = {}
    seen: set[tuple[int, int, int]] = set()
    for _, place in got:
        order, *here = place
        if place in seen:  # whoever takes over begins at the first that is not settled
            verdict.repeated += 1
            continue
        verdict.out_of_order += tuple(here) < last.get(order, (0, 0))
        last[order] = (here[0], here[1])
        seen.add(place)
    verdict.missing = len(wanted - seen)
    verdict.unknown = len(seen - wanted)
    return verdict


def passed_over(engine: Engine, logs: Iterable[Path]) -> set[tuple[int, int]]:
    """Entries whose messages have not come although one of a later entry of their order has."""
    with engine.connect() as connection:
        emitted = connection.execute(text("SELECT order_id, sequence FROM order_outbox")).all()
    arrived = {(order, sequence) for path in logs for _, order, sequence, _ in lines(path)}
    last: dict[int, int] = {}
    for order, sequence in arrived:
        last[order] = max(sequence, last.get(order, 0))
    return {(order, sequence) for order, sequence in emitted if sequence < last.get(order, 0)} - arrived
