"""A provider's nightly file: one event for every order in it, in chunks; a run that broke off is begun again."""

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlmodel import Session

import orderfsm
from orderfsm.lifecycle import Lifecycle
from orderfsm.sqlmodel import Order, OrderHistory, SqlStore, create_all, engine

database = engine("sqlite://")
create_all(database)
orders = Lifecycle(orderfsm.load("stat/order"), SqlStore(Order, OrderHistory))

with Session(database) as session:
    for _ in range(12):
        orders.open(session, Order(), actor="customer")
    session.commit()


def keys(file: Path) -> Iterator[int]:
    """The orders of a file, line by line: it may have any number."""
    with file.open(newline="") as lines:
        for line in csv.DictReader(lines):
            yield int(line["order"])


def accept(file: Path, *, most: int | None = None) -> Counter[str]:
    """Accept the orders of a file, five at a time; the file's name is the batch, so that an order takes it once."""
    counts = Counter[str]()
    sent = orders.send_in_chunks(database, keys(file), "accept", actor="provider", batch=file.name, chunk=5)
    for number, chunk in enumerate(sent, 1):
        counts.update(chunk.counts)
        for verdict in chunk:
            if verdict.outcome not in ("applied", "duplicate"):
                print(f"order {verdict.order}: {verdict.outcome}, {verdict.error or 'no such order'}")
        if number == most:
            break  # as when the process is killed
    return counts


with TemporaryDirectory() as folder:
    file = Path(folder) / "accepted-2026-05-01.csv"
    file.write_text("order\n" + "".join(f"{key}\n" for key in [*range(1, 12), 99]))
    with Session(database) as session:
        orders.send(session, session.get_one(Order, 7), "cancel", actor="provider")
        session.commit()

    print("broken off:", dict(accept(file, most=1)))
    print("begun again:", dict(accept(file)))
