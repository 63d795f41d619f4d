"""Whether what lies in the tables could have been written under enforcement: for after an import without it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from orderfsm.finding import Finding
from orderfsm.pairing import AFTERWARDS

from .predicates import predicates

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from .names import Names

__all__ = ["verify"]


def verify(connection: Connection, names: Names, most: int) -> tuple[Finding, ...]:
    """The first findings about entries and orders that enforcement would have refused."""
    found: list[Finding] = []
    for code, said, statement in _questions(names):
        left = most - len(found)
        if left > 0:
            rows = connection.execute(text(f"{_escaped(statement)} LIMIT {left}")).all()
            found += [Finding(code, "error", said.format(*row), path=_path(names, row)) for row in rows]
    return tuple(found)


def _escaped(statement: str) -> str:
    """Colons of casts and names are no parameters."""
    return statement.replace(":", "\\:")


def _path(names: Names, row: tuple[object, ...]) -> str:
    *key, sequence = row[: len(names.keys) + 1]
    order = ", ".join(str(part) for part in key)
    return f"orders[{order}]" if sequence is None else f"orders[{order}].entries[{sequence}]"


def _questions(names: Names) -> Iterator[tuple[str, str, str]]:
    """Code, message and query: each row is the order's key, the sequence (or NULL), before, event, after."""
    history, orders = names.all["history"], names.all["orders"]
    asked = predicates(names, "n")
    keys = ", ".join(f"n.{names.quote(name)}" for name in names.keys.values())
    places = len(names.keys) + 1
    told = f"entry {{{places - 1}}}: {{{places}}} --{{{places + 1}}}--> {{{places + 2}}}"
    entry = f'SELECT {keys}, n.sequence, n."before", n.event, n."after" FROM {history} n'
    orphan = f"SELECT 1 FROM {orders} o WHERE {names.same('o', 'n')}"
    yield "history-orphan", f"{told} is of an order that has no row", f"{entry} WHERE NOT EXISTS ({orphan})"
    gap = f"{told} does not start where the one before it ended"
    yield "history-gap", gap, f"{entry} WHERE ({asked.starts}) IS NOT TRUE"
    unknown = f"{told} names a chart that the database does not know; register it (orderfsm.enforcement.register)"
    yield "history-illegal", unknown, f"{entry} WHERE NOT {asked.known}"
    illegal = f"{entry} WHERE {asked.known} AND {asked.legal} IS NOT TRUE"
    yield "history-illegal", f"{told} is no step of the chart that it names", illegal
    standing = ", ".join(f"o.{names.quote(name)}" for name in names.keys)
    standing += ", NULL, coalesce(o.configuration, '[*]'), o.revision"
    said = f"the order is {{{places}}} at revision {{{places + 1}}}, and its history ends elsewhere"
    yield "history-astray", said, f"SELECT {standing} FROM {orders} o WHERE NOT ({_ends(names)})"


def _ends(names: Names) -> str:
    """That an order is where its history ends, or has neither."""
    mine = f"FROM {names.all['history']} h WHERE {names.same('o', 'h')}"
    same = " AND ".join(f"{_same(f'h.{names.quote(there)}', f'o.{name}')}" for name, there in AFTERWARDS.items())
    blank = " AND ".join(f"o.{name} IS NULL" for name in AFTERWARDS if name != "revision")
    last = f"o.revision = (SELECT max(h.sequence) {mine}) AND EXISTS (SELECT 1 {mine} AND {same})"
    return f"CASE WHEN EXISTS (SELECT 1 {mine}) THEN {last} ELSE o.revision = 0 AND {blank} END"


def _same(one: str, other: str) -> str:
    return f"({one} = {other} OR {one} IS NULL AND {other} IS NULL)"
