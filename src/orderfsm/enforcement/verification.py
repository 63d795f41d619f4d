"""Whether what lies in the tables could have been written under enforcement: for after an import without it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from orderfsm.finding import Finding

from . import postgresql, sqlite
from .edges import CHARTS, EDGES

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
    """Colons of casts are no parameters."""
    return statement.replace("::", "\\:\\:")


def _path(names: Names, row: tuple[object, ...]) -> str:
    *key, sequence = row[: len(names.keys) + 1]
    order = ", ".join(str(part) for part in key)
    return f"orders[{order}]" if sequence is None else f"orders[{order}].entries[{sequence}]"


def _questions(names: Names) -> Iterator[tuple[str, str, str]]:
    """Code, message and query: each row is the order's key, the sequence (or NULL), before, event, after."""
    all_ = names.all
    keys = ", ".join(f"n.{names.quote(name)}" for name in names.keys.values())
    places = len(names.keys) + 1
    told = f"entry {{{places - 1}}}: {{{places}}} --{{{places + 1}}}--> {{{places + 2}}}"
    entry = f'SELECT {keys}, n.sequence, n."before", n.event, n."after" FROM {all_["history"]} n'
    yield "history-gap", f"{told} does not start where the one before it ended", f"{entry} WHERE NOT {_starts(names)}"
    yield "history-illegal", f"{told} is no step of the chart that it names", f"{entry} WHERE NOT {_legal(names)}"
    orders = ", ".join(f"o.{names.quote(name)}" for name in names.keys)
    here = "coalesce(o.configuration, '[*]')"
    last = f"SELECT max(h.sequence) FROM {all_['history']} h WHERE {names.same('o', 'h')}"
    ends = (
        f"EXISTS (SELECT 1 FROM {all_['history']} h WHERE {names.same('o', 'h')} AND h.sequence = o.revision "
        f'AND h."after" = o.configuration) OR (o.revision = 0 AND o.configuration IS NULL)'
    )
    astray = (
        f"SELECT {orders}, NULL, {here}, o.revision FROM {all_['orders']} o "
        f"WHERE NOT ({ends}) OR o.revision <> coalesce(({last}), 0)"
    )
    said = f"the order is {{{places}}} at revision {{{places + 1}}}, and its history ends elsewhere"
    yield "history-astray", said, astray


def _starts(names: Names) -> str:
    return postgresql.STARTS.format(**_filled(names))


def _legal(names: Names) -> str:
    if names.dialect.name == "postgresql":
        return postgresql.LEGAL.format(**_filled(names))
    legal = (
        f"(NEW.corrects IS NULL AND EXISTS ({sqlite.EDGE} AND {sqlite.REASON})"
        f" OR NEW.corrects IS NULL AND EXISTS ({sqlite.DOTTED} AND {sqlite.REASON})"
        f" OR EXISTS ({sqlite.CORRECTION} AND {sqlite.REASON}) AND {sqlite.FITS})"
    )
    beside = names.beside("c", "NEW")
    return legal.format(**_filled(names), beside=beside).replace("NEW.", "n.")


def _filled(names: Names) -> dict[str, str]:
    own = {"edges": names.table(EDGES), "charts": names.table(CHARTS)}
    return names.all | own | {f"beside_{row}": names.beside(row, "n") for row in "cp"}
