"""Faults planted into the simulated store and its clients, one each."""

from __future__ import annotations

from typing import Any

from faults.simulation import Customer, Kept, Session, Store
from orderfsm.history import Entry

__all__ = ["MUTANTS"]


class NoComparison(Store):
    """Writes whatever the revision is."""

    def record(self, session: Any, order: Any, entry: Entry, fingerprint: str | None = None, *_: Any) -> bool:
        session.world.statement()
        session.lock(order.id)
        if entry.key in session.world.kept[order.id].keys:
            return False
        self.write(session, order, entry, fingerprint)
        return True


class ComparesThenWrites(Store):
    """Compares in one statement, locks and writes in the next."""

    def record(self, session: Any, order: Any, entry: Entry, fingerprint: str | None = None, *_: Any) -> bool:
        session.world.statement()
        kept = session.world.kept[order.id]
        if kept.revision != entry.sequence - 1 or entry.key in kept.keys:
            return False
        session.world.statement()
        session.lock(order.id)
        self.write(session, order, entry, fingerprint)
        return True


class DoesNotWait(Store):
    """Compares with what is committed, whoever is about to commit something else."""

    def record(self, session: Any, order: Any, entry: Entry, fingerprint: str | None = None, *_: Any) -> bool:
        session.world.statement()
        kept = session.world.kept[order.id]
        if kept.revision != entry.sequence - 1 or entry.key in kept.keys:
            return False
        self.write(session, order, entry, fingerprint)
        return True


class HistoryOutside(Store):
    """Writes the entry at once, outside of the transaction that moves the order."""

    def write(self, session: Any, order: Any, entry: Entry, fingerprint: str | None) -> None:
        super().write(session, order, entry, fingerprint)
        session.world.kept[order.id].entries.append(entry)


class OutsideSession(Session):
    def apply(self, kept: Kept, entry: Entry, fingerprint: str | None) -> None:
        kept.configuration, kept.revision = entry.after, entry.sequence
        kept.keys[str(entry.key)] = entry, fingerprint


class OutsideCustomer(Customer):
    session = OutsideSession


class StateOutside(Store):
    """Moves the order at once, and writes the entry with the transaction."""

    def write(self, session: Any, order: Any, entry: Entry, fingerprint: str | None) -> None:
        super().write(session, order, entry, fingerprint)
        kept = session.world.kept[order.id]
        kept.configuration, kept.revision = entry.after, entry.sequence


class NoKeys(Store):
    """Forgets the keys of requests."""

    def keyed(self, session: Any, order: Any, key: str) -> None:
        session.world.statement()

    def record(self, session: Any, order: Any, entry: Entry, fingerprint: str | None = None, *_: Any) -> bool:
        session.world.kept[order.id].keys.clear()
        return super().record(session, order, entry, fingerprint)


class KeysOutside(Store):
    """Remembers a key although the transaction that used it was rolled back."""

    def write(self, session: Any, order: Any, entry: Entry, fingerprint: str | None) -> None:
        super().write(session, order, entry, fingerprint)
        session.world.kept[order.id].keys[str(entry.key)] = entry, fingerprint


class KeyNotCompared(Store):
    """Looks for a key when an event is refused, and not when it is written."""

    def record(self, session: Any, order: Any, entry: Entry, fingerprint: str | None = None, *_: Any) -> bool:
        session.world.statement()
        session.lock(order.id)
        if session.world.kept[order.id].revision != entry.sequence - 1:
            return False
        self.write(session, order, entry, fingerprint)
        return True


class NewKeys(Customer):
    """Repeats under another key."""

    def key(self, name: str, attempt: int) -> str:
        return f"{name}-{self.world.now}"


class TakesDoubtForFailure(Customer):
    """Says that nothing happened when it does not know."""

    def goes_on(self, name: str) -> bool:
        self.say("fail", name, because="the connection was lost")
        return False


class EarlySession(Session):
    def commit(self) -> None:
        """Leave it for later."""
        self.world.statement()


class AnswersEarly(Customer):
    """Acknowledges before the commit."""

    session = EarlySession

    def attempt(self, session: Session, name: str, order: int, event: str | None, attempt: int) -> tuple[Any, ...]:
        told = super().attempt(session, name, order, event, attempt)
        if event is not None:
            self.say("ok", name, sequence=told[0], before=told[1], after=told[2])
            Session.commit(session)
        return told


class StaleSession(Session):
    def get(self, order: int) -> Any:
        """A replica that lags: now and then it shows the entry before the last."""
        found = super().get(order)
        kept = self.world.kept[order]
        if kept.revision > 1 and self.world.drawn.random() < 0.1:
            last = kept.entries[-2]
            found.configuration, found.revision = last.after, last.sequence
        return found


class ReadsAReplica(Customer):
    """Reads from a replica that lags."""

    session = StaleSession


class DirtySession(Session):
    def get(self, order: int) -> Any:
        """See what others have written and not committed."""
        found = super().get(order)
        holder = self.world.locks.get(order)
        if holder is not None and order in holder.written:
            entry, _ = holder.written[order]
            found.configuration, found.revision = entry.after, entry.sequence
        return found


class ReadsDirtily(Customer):
    session = DirtySession


MUTANTS: dict[str, dict[str, Any]] = {
    "writes without comparing": {"store": NoComparison},
    "compares, then writes": {"store": ComparesThenWrites},
    "does not wait for who holds the row": {"store": DoesNotWait},
    "history outside of the transaction": {"store": HistoryOutside, "customer": OutsideCustomer},
    "state outside of the transaction": {"store": StateOutside},
    "keys are forgotten": {"store": NoKeys},
    "keys outlive a roll-back": {"store": KeysOutside},
    "keys are not compared when writing": {"store": KeyNotCompared},
    "a new key for each attempt": {"customer": NewKeys},
    "doubt taken for failure": {"customer": TakesDoubtForFailure},
    "an answer before the commit": {"customer": AnswersEarly},
    "reads from a replica that lags": {"customer": ReadsAReplica},
    "reads what is not committed": {"customer": ReadsDirtily},
}
