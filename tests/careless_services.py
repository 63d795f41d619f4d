"""Three small services that ship parcels, each with a classic mistake, and one without. None of them uses the library.

They keep a status and a log in tables of their own; the chart only says which arrows there should be.
"""

# No `from __future__ import annotations`: the declarative base reads the annotations when the class is made.

from typing import Any

from sqlalchemy import ForeignKey, select, update
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

import orderfsm
from orderfsm.testing.explorer import Kept

PARCEL = orderfsm.read(
    """
chart: test/parcel
version: "1"
title: A parcel
initial: waiting
states:
  waiting: {category: open}
  packed: {category: open}
  sent: {category: done, final: true}
  canceled: {category: cancelled, final: true}
events:
  pack: {from: waiting, to: packed}
  ship: {from: packed, to: sent}
  cancel: {from: [waiting, packed], to: canceled}
"""
)
ARROWS = {
    "pack": {"waiting": "packed"},
    "ship": {"packed": "sent"},
    "cancel": {"waiting": "canceled", "packed": "canceled"},
}


class Base(DeclarativeBase):
    pass


class Parcel(Base):
    __tablename__ = "test_careless_parcels"

    id: Mapped[int] = mapped_column(primary_key=True)
    status: Mapped[str]


class Log(Base):
    __tablename__ = "test_careless_log"

    id: Mapped[int] = mapped_column(primary_key=True)
    parcel: Mapped[int] = mapped_column(ForeignKey(Parcel.id))
    before: Mapped[str | None]
    event: Mapped[str]
    after: Mapped[str]


class TooLate(Exception):
    """The parcel's status does not allow it."""


def new(session: Session) -> int:
    parcel = Parcel(status="waiting")
    session.add(parcel)
    session.flush()
    session.add(Log(parcel=parcel.id, before=None, event="open", after="waiting"))
    return parcel.id


def look(session: Session, key: int) -> Kept:
    entries = session.execute(select(Log.before, Log.event, Log.after).where(Log.parcel == key).order_by(Log.id))
    return Kept(session.get_one(Parcel, key).status, [row._asdict() for row in entries])


class Service:
    """What they have in common."""

    def arrow(self, event: str, before: str) -> str:
        if before not in ARROWS[event]:
            raise TooLate(f"{event}: it is {before}")
        return ARROWS[event][before]

    def log(self, session: Session, key: int, before: str, event: str, after: str) -> dict[str, Any]:
        session.add(Log(parcel=key, before=before, event=event, after=after))
        session.flush()
        return {"before": before, "event": event, "after": after}

    def client(self, event: str) -> Any:
        def client(session: Session, key: int) -> Any:
            return self.send(session, key, event)

        client.__name__ = event
        return client

    def send(self, session: Session, key: int, event: str) -> Any:
        raise NotImplementedError


class Careful(Service):
    """Locks the row, then looks."""

    def send(self, session: Session, key: int, event: str) -> Any:
        parcel = session.get_one(Parcel, key, with_for_update=True)
        before, parcel.status = parcel.status, self.arrow(event, parcel.status)
        return self.log(session, key, before, event, parcel.status)


class CheckThenAct(Service):
    """Asks whether it may, and then does it."""

    def send(self, session: Session, key: int, event: str) -> Any:
        before = session.execute(select(Parcel.status).where(Parcel.id == key)).scalar_one()
        after = self.arrow(event, before)
        session.execute(update(Parcel).where(Parcel.id == key).values(status=after))
        return self.log(session, key, before, event, after)


class StaleObject(Service):
    """Shows an object to somebody, and saves it later in a transaction of its own."""

    def send(self, session: Session, key: int, event: str) -> Any:
        session.expire_on_commit = False
        parcel = session.get_one(Parcel, key)
        session.commit()
        before, parcel.status = parcel.status, self.arrow(event, parcel.status)
        return self.log(session, key, before, event, parcel.status)


class HistoryAfterCommit(Service):
    """Moves the parcel as it should, and writes the log when that is done."""

    def send(self, session: Session, key: int, event: str) -> Any:
        parcel = session.get_one(Parcel, key, with_for_update=True)
        before, after = parcel.status, self.arrow(event, parcel.status)
        parcel.status = after
        session.commit()
        return self.log(session, key, before, event, after)
