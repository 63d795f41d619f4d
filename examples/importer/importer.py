"""Take in the shipments of another system, with their histories; a run that broke off is begun again.

Exit codes: 0 all are in; 1 some rows were refused, and are in the report; 2 wrong usage; 3 too few histories conform,
and nothing was written.
"""

import argparse
import csv
import sys
from collections import Counter
from functools import partial
from hashlib import file_digest
from itertools import islice
from pathlib import Path

from sqlalchemy import Engine
from sqlmodel import Session, SQLModel, col, select

import orderfsm
from orderfsm.conformance import Conformance, History, conform
from orderfsm.history import ADOPTED
from orderfsm.lifecycle import Claims, Lifecycle, transact
from orderfsm.readiness import verify
from orderfsm.sqlmodel import SqlStore, engine
from reading import Life, Row, read
from tables import ImportedFile, RefusedRow, Shipment, ShipmentHistory

chart = orderfsm.load(Path(__file__).with_name("shipment.yaml"))
shipments = Lifecycle(chart, SqlStore(Shipment, ShipmentHistory), claims=Claims(late="refuse", ahead="refuse"))


class NotTaken(Exception):
    """A shipment that is not taken in, and why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


# --- one shipment


def take_in(session: Session, life: Life, *, adopt: bool) -> str:
    """Write a shipment with its history, and say how: `replayed`, `adopted`, or `known` when it is there already."""
    there = session.get(Shipment, life.number)
    if there is not None:
        if _told(session, there) == _history(life).codes:
            return "known"
        raise NotTaken("known-otherwise", f"{life.number} is there already, with another history")
    try:
        with session.begin_nested():
            _replay(session, life)
        return "replayed"
    except orderfsm.Refused as refused:
        if not adopt:
            raise NotTaken(refused.code, str(refused)) from refused
    _adopt(session, life)
    return "adopted"


def _replay(session: Session, life: Life) -> None:
    """Every status by the event that leads to it, when it was and by whom, as if it had happened here."""
    shipment, seen = Shipment(number=life.number, customer=life.customer), life.seen()
    steps = orderfsm.trace(chart, [sighting.status for sighting in seen])
    for step, sighting in zip(steps, seen, strict=True):
        move = shipments.open if step.before is None else shipments.send
        actor = orderfsm.Actor("depot", sighting.by)
        move(session, shipment, step.event, actor=actor, origin="import", occurred_at=sighting.at)


def _adopt(session: Session, life: Life) -> None:
    """The last status alone; what the other system says of the others is kept as the payload."""
    try:
        shipments.adopt(
            session,
            Shipment(number=life.number, customer=life.customer),
            life.history[-1].status,
            origin="import",
            reason=orderfsm.Reason(text="the history before is not legal"),
            payload=life.model_dump(mode="json"),
            occurred_at=life.history[-1].at,
        )
    except orderfsm.Refused as refused:
        raise NotTaken(refused.code, str(refused)) from refused


def _told(session: Session, shipment: Shipment) -> tuple[str, ...]:
    """The codes of a shipment that is there, as its file told them."""
    first, *others = shipments.history(session, shipment)
    if first.event == ADOPTED and first.payload is not None:
        return _history(Life.model_validate(first.payload)).codes
    return tuple(entry.code or "" for entry in (first, *others))


def _history(life: Life) -> History:
    return History(life.number, tuple(sighting.status for sighting in life.seen()))


# --- a file


def take_in_file(database: Engine, file: Path, *, adopt: bool, chunk: int) -> ImportedFile:
    """Chunk by chunk, each in a transaction that also writes down how far it has come: so nothing comes twice."""
    sessions = partial(Session, database, expire_on_commit=False)
    digest = digest_of(file, adopt=adopt)
    done = transact(sessions, lambda session: _begun(session, digest, file.name), key=digest)
    begin = done.rows
    rows = islice(read(file), begin, None)
    while taken := list(islice(rows, chunk)):
        done = transact(sessions, partial(_chunk, digest=digest, begin=begin, rows=taken, adopt=adopt), key=digest)
        begin += len(taken)
        print(f"{begin} rows", file=sys.stderr, flush=True)
    return done


def digest_of(file: Path, *, adopt: bool) -> str:
    """What makes two runs one: the content of the file, and how it is taken in."""
    with file.open("rb") as content:
        return file_digest(content, "sha256").hexdigest() + ("+adopt" if adopt else "")


def _begun(session: Session, digest: str, name: str) -> ImportedFile:
    done = session.get(ImportedFile, digest) or ImportedFile(digest=digest, name=name)
    session.add(done)
    return done


def _chunk(session: Session, *, digest: str, begin: int, rows: list[Row], adopt: bool) -> ImportedFile:
    """The rows from `begin` on, without those that are done: by a commit that was in doubt, or by another importer."""
    done = session.get_one(ImportedFile, digest, with_for_update=True)
    left = rows[done.rows - begin :]
    counts = Counter(_taken(session, done, row, adopt=adopt) for row in left)
    done.replayed += counts["replayed"]
    done.adopted += counts["adopted"]
    done.known += counts["known"]
    done.rows += len(left)
    return done


def _taken(session: Session, done: ImportedFile, row: Row, *, adopt: bool) -> str:
    """What became of a row."""
    try:
        if row.life is None:
            raise NotTaken("unreadable", row.wrong)
        return take_in(session, row.life, adopt=adopt)
    except NotTaken as why:
        refused = RefusedRow(digest=done.digest, line=row.line, number=row.number, code=why.code, message=str(why))
        session.add(refused)
        return "refused"


def report(database: Engine, digest: str, file: Path) -> int:
    """Write the rows that were refused, and say how many they are."""
    query = select(RefusedRow).where(RefusedRow.digest == digest).order_by(col(RefusedRow.line))
    with Session(database) as session, file.open("w", encoding="utf-8", newline="") as stream:
        refused = session.exec(query).all()
        written = csv.writer(stream)
        written.writerow(["line", "number", "code", "message"])
        written.writerows([row.line, row.number, row.code, row.message] for row in refused)
    return len(refused)


# --- the command


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="*.csv, or JSON lines")
    parser.add_argument("--database", default="sqlite:///freight.db")
    parser.add_argument("--least", type=float, default=0.5, help="the share of histories that have to be legal")
    parser.add_argument("--adopt", action="store_true", help="take in a broken history by its last status")
    parser.add_argument("--chunk", type=int, default=500, help="rows in a transaction")
    parser.add_argument("--refused", type=Path, default=Path("refused.csv"), help="the report")
    asked = parser.parse_args()
    if not asked.file.is_file():
        parser.error(f"{asked.file} is not there")

    found = conform(chart, (_history(row.life) for row in read(asked.file) if row.life is not None))
    tell(found)
    if found.share < asked.least:
        print(f"less than {asked.least:.0%} conform: nothing was written")
        return 3

    database = engine(asked.database)
    SQLModel.metadata.create_all(database)
    verify(database, shipments)
    done = take_in_file(database, asked.file, adopt=asked.adopt, chunk=asked.chunk)
    refused = report(database, done.digest, asked.refused)
    database.dispose()
    print(f"replayed {done.replayed}, adopted {done.adopted}, known {done.known}, refused {refused}")
    return 1 if refused else 0


def tell(found: Conformance) -> None:
    print(f"{found.histories} histories, {found.legal} of them legal")
    for pair, count in found.broken.most_common(5):
        print(f"  {pair}: {count}, as in {found.example[pair]}")


if __name__ == "__main__":
    sys.exit(main())
