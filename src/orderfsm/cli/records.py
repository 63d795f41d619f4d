"""Answers about what has happened: an event log, a stored history, the demo."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orderfsm.conformance import STATUS, read_log
from orderfsm.conformance import conform as judge

from .answer import Answer, Grid, Heading, Misused, Verbatim
from .charts import open_chart
from .database import complaint, engine_of, told, url_of
from .watching import named

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orderfsm.history import Entry
    from orderfsm.sqlmodel import Order, SqlStore

    from .answer import Block

__all__ = ["conform", "demo", "entries_of", "history", "store_of"]

OWN = "for tables of your own add --lifecycle MODULE:ATTRIBUTE"

LONGEST_ID = 18
"""How many digits an id has at most, so that databases can hold it."""


# --- logs


def conform(
    log: Path, chart: str, profile: str, *, status: tuple[str, ...], case: str, repeats: str, most: int
) -> Answer:
    """How the histories of a log fare against a chart; 1 when some are not legal."""
    against = open_chart(chart, profile)
    found = judge(against, read_log(log, status=status or STATUS, case=case), repeats=repeats)
    data = {"log": log.name, "chart": against.name, "profile": against.profile} | found.as_dict(most=most)
    return Answer(data, list(_log(data)), int(found.legal < found.histories))


def _log(data: dict[str, Any]) -> Iterator[Block]:
    share = f"{data['share']:.1%}"
    yield f"{data['legal']} of {data['histories']} histories ({share}) are legal by {data['chart']}"
    yield f"codes: {data['codes']}, repeats: {data['repeats']}, different sequences: {data['variants']}"
    if data["unknown_codes"]:
        told = (f"{code} ({count})" for code, count in data["unknown_codes"].items())
        yield f"codes that the chart lacks: {', '.join(told)}"
    if data["most_frequent"]:
        rows = [[str(p["count"]), p["before"] or "the start", p["code"], p["example"]] for p in data["most_frequent"]]
        yield f"pairs of codes that no legal life shows: {data['broken_pairs']}, the most frequent first"
        yield Grid(("count", "from", "to", "for example"), rows)


# --- stored histories


def history(database: str, wanted: str, lifecycle: str | None) -> Answer:
    """The history of an order, in the shape of STAT's order status."""
    from sqlmodel import Session

    from orderfsm.demo.statuses import statuses

    store, engine = store_of(lifecycle), engine_of(database)
    with told(engine), Session(engine) as session:
        data = statuses(entries_of(session, store, wanted))
    return Answer(data, [Verbatim(json.dumps(data, indent=2))])


def store_of(lifecycle: str | None) -> SqlStore:
    """The tables of a lifecycle of the service's own; left out, the ready-made ones."""
    if lifecycle is not None:
        return named(lifecycle).store
    from orderfsm.sqlmodel import Order, OrderHistory, SqlStore

    return SqlStore(Order, OrderHistory)


def entries_of(session: Any, store: SqlStore, wanted: str) -> list[Entry]:
    """The history of the order with that key, or a ready-made one's with that reference; raises Misused without one."""
    from orderfsm.sqlmodel import ready_made

    order: Any = _ready_made(session, wanted) if ready_made(store.order) else _own(session, store, wanted)
    entries = store.entries(session, order)
    if not entries:
        raise Misused(f"order {wanted} was never opened: it has no history")
    return entries


def _own(session: Any, store: SqlStore, wanted: str) -> Any:
    """The order of a service's own with that key, of one column."""
    columns = [column for _, column, _ in store.pairing.keys]
    key = _key(columns[0].type.python_type, wanted) if len(columns) == 1 else None
    found = None if key is None else session.get(store.order, key)
    if found is None:
        raise Misused(f"there is no {store.order.__name__} with the key {wanted}")
    return found


def _key(type: Any, wanted: str) -> Any:
    """What a text means as a key of that type; None for nothing that a database can hold.

    SQLModel's own texts say that they are objects.
    """
    try:
        wanted.encode()
        if type is object:
            return wanted
        key = type.fromisoformat(wanted) if issubclass(type, date) else type(wanted)
    except (ArithmeticError, TypeError, ValueError):
        return None
    return None if isinstance(key, int) and len(str(abs(key))) > LONGEST_ID else key


def _ready_made(session: Any, wanted: str) -> Order:
    """The order with that id, else the only one with that reference."""
    from sqlmodel import select

    from orderfsm.sqlmodel import Order

    isid = wanted.isdecimal() and wanted.isascii() and len(wanted) <= LONGEST_ID
    found = session.get(Order, int(wanted)) if isid else None
    if found is None and _key(str, wanted) is not None:
        several = session.exec(select(Order).where(Order.reference == wanted).limit(2)).all()
        found = several[0] if len(several) == 1 else None
        if len(several) > 1:
            raise Misused(f"several orders have the reference {wanted}; say the id")
    if found is None:
        raise Misused(f"there is no order with the id or reference {wanted}; {OWN}")
    return found  # type: ignore[no-any-return]


# --- the demo


def demo(database: str | None, logs: Path | None) -> Answer:
    """The five vocabularies at work, and a real event log."""
    from sqlalchemy.exc import SQLAlchemyError

    from orderfsm.demo import run

    try:
        account = run(database and url_of(database).render_as_string(hide_password=False), logs)
    except SQLAlchemyError as error:
        raise Misused(f"--database: {complaint(error)}; write for example sqlite:///orders.db") from None
    return Answer(account, list(_demo(account)))


def _demo(account: dict[str, Any]) -> Iterator[Block]:
    for vocabulary in account["vocabularies"]:
        yield Heading(f"{vocabulary['chart']} {vocabulary['version']}: {vocabulary['title']}")
        yield vocabulary["says"]
        for life in vocabulary["lives"]:
            yield ""
            yield from _life(life)
        yield ""
    yield Heading("A real event log")
    yield from _real_log(account["log"])


def _life(life: dict[str, Any]) -> Iterator[Block]:
    yield f"* {life['title']}: {' -> '.join(life['codes'])}"
    for item in life["items"]:
        yield f"    item {item['item']}: {' -> '.join(item['codes'])}"
    for refusal in life["refusals"]:
        yield from _refusal(refusal)
    if life["shown"]:
        yield "    its history:"
        yield Verbatim(_indented(_document(life["status"]), "    "))


def _refusal(refusal: dict[str, Any]) -> Iterator[Block]:
    item = f" of item {refusal['item']}" if "item" in refusal else ""
    said = (
        f"    refused ({refusal['refused']}): {refusal['event']}{item} by {refusal['actor'].strip()} in {refusal['in']}"
    )
    yield f"{said} at {refusal['at']}"
    yield from (f"        {blocker['message']}" for blocker in refusal["blockers"])
    if "wanted" in refusal:
        way = refusal["way_there"]
        yield f"        {'no way leads' if way is None else ', '.join(way) + ' leads'} to {refusal['wanted']}"


def _document(status: dict[str, Any]) -> str:
    """The status document with one line per entry."""
    history = ",\n".join(f"    {json.dumps(entry)}" for entry in status["history"])
    return f'{{\n  "current": {json.dumps(status["current"])},\n  "history": [\n{history}\n  ]\n}}'


def _indented(text: str, by: str) -> str:
    return "\n".join(by + line for line in text.splitlines())


def _real_log(log: dict[str, Any]) -> Iterator[Block]:
    if not log["read"]:
        yield f"not read: {log['because']}"
        return
    yield f"{log['log']}, against {log['chart']}, whose arrows are all {' or '.join(log['basis'])} from the words"
    yield from _log(log)
