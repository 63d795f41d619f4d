"""Seals: what a history was, kept outside of the database, so that whoever rewrites the database is found out.

`seal` chains a digest over every order's entries and appends it to a file; `verify` reads the histories again and names
the first entry of each order that is not what was sealed. Constraints stop mistakes; this finds what somebody did who
may switch constraints off. It only helps when the file, or at least its head, lies where that somebody cannot write.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from orderfsm.errors import LedgerBroken
from orderfsm.finding import Finding
from orderfsm.pairing import ENTRY, pairing

from .ledger import MARK, Ledger, Sealed, append, read
from .rows import astray, texts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sqlalchemy import Connection

    from orderfsm.pairing import Pairing
    from orderfsm.sqlmodel.bases import HistoryEntry, Stateful

__all__ = ["Audit", "LedgerBroken", "seal", "verify"]

Key = tuple[Any, ...]


@dataclass(slots=True)
class Audit:
    """What was found: how many orders and entries were read, how many of the entries no seal covers, what is wrong.

    `head` vouches for the whole file of seals: whoever knows it notices any change of the file.
    """

    orders: int = 0
    entries: int = 0
    unsealed: int = 0
    head: str = ""
    findings: tuple[Finding, ...] = ()


def seal(
    connection: Connection,
    order: type[Stateful],
    history: type[HistoryEntry],
    file: Path,
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Audit:
    """Seal all entries that no seal covers, after verifying those that one does; nothing is sealed over a finding.

    The file is created when there is none, and written durably. Raises LedgerBroken when it is not a file of seals of
    this history, or was changed.
    """
    reader = _reader(connection, order, history, file)
    told = reader.audit()
    if told.findings:
        return told
    begin = {"seal": 1, "at": clock().isoformat(), "table": reader.ledger.table, "columns": reader.ledger.columns}
    grown = ((key, first, reader.ledger.orders[key]) for key, first in reader.grown.items())
    told.head = append(file, reader.ledger, begin, grown)
    told.unsealed = 0
    return told


def verify(
    connection: Connection,
    order: type[Stateful],
    history: type[HistoryEntry],
    file: Path,
    *,
    head: str | None = None,
) -> Audit:
    """Read all histories and hold them against the seals; with `head`, the file against what it is known to end in.

    Findings: `history-changed`, `history-hole`, `history-shortened` and `history-gone` name the first entry of an order
    that is not what was sealed; `history-astray` an order that does not stand where its history ends.

    Raises LedgerBroken when the file is not one of this history, was changed, or does not have the head.
    """
    if not file.exists():
        raise LedgerBroken(f"there is no file {file}; seal the histories first")
    reader = _reader(connection, order, history, file)
    if head is not None and head != reader.ledger.head:
        raise LedgerBroken(
            f"{file} ends in {reader.ledger.head or 'nothing'}, not in {head}; it is not the file as it was"
        )
    return reader.audit()


def _reader(connection: Connection, order: Any, history: Any, file: Path) -> _Reader:
    paired, ledger = pairing(order, history), read(file)
    table = str(paired.history.fullname)
    if ledger.table not in ("", table):
        raise LedgerBroken(f"{file} has the seals of {ledger.table}, not of {table}; name another file")
    ledger.table, ledger.columns = table, ledger.columns or ENTRY
    return _Reader(connection, paired, ledger)


@dataclass(slots=True)
class _Reader:
    """One reading of all histories beside the ledger, which it extends by what is new."""

    connection: Connection
    pairing: Pairing
    ledger: Ledger
    grown: dict[Key, int] = field(default_factory=dict)

    def audit(self) -> Audit:
        told = Audit(head=self.ledger.head)
        sealed = {key: known.entries for key, known in self.ledger.orders.items()}
        told.findings = (*self._histories(told, sealed), *self._orders())
        told.unsealed = sum(self.ledger.orders[key].entries - first + 1 for key, first in self.grown.items())
        return told

    def _histories(self, told: Audit, sealed: dict[Key, int]) -> Iterator[Finding]:
        current: Key | None = None
        count, last, head, bad = 0, 0, b"", False
        for key, sequence, text in texts(self.connection, self.pairing, self.ledger.columns):
            told.entries += 1
            if key != current:
                yield from self._end(current, last, count, bad=bad)
                current, count, last, head, bad = key, sealed.pop(key, 0), 0, b"", False
                known = self.ledger.orders.setdefault(key, Sealed())
                told.orders += 1
            if bad:
                continue
            head = sha256(head + text.encode()).digest()
            last += 1
            if sequence != last or (last <= count and not known.fits(last, head)):
                bad = True
                yield _problem(key, last, sequence)
            elif last > count:
                self.grown.setdefault(key, last)
                known.marks += head[:MARK]
                known.head = head
        yield from self._end(current, last, count, bad=bad)
        for key, count in sealed.items():
            said = f"order {_told(key)} has no entry any more; {count} were sealed"
            yield Finding("history-gone", "error", said, path=f"orders[{_told(key)}]")

    def _end(self, key: Key | None, last: int, count: int, *, bad: bool) -> Iterator[Finding]:
        if key is not None and last < count and not bad:
            said = (
                f"order {_told(key)} ends with entry {last}; {count} were sealed, entry {last + 1} is the first to miss"
            )
            yield Finding("history-shortened", "error", said, path=_path(key, last + 1))

    def _orders(self) -> Iterator[Finding]:
        for key, configuration, revision, last in astray(self.connection, self.pairing):
            said = (
                f"order {_told(key)} is {configuration} at revision {revision}, and its history ends with entry {last}"
            )
            yield Finding("history-astray", "error", said, path=f"orders[{_told(key)}]")


def _problem(key: Key, expected: int, sequence: int) -> Finding:
    """What is wrong with an entry: it is not the next one, or not what was sealed."""
    path = _path(key, expected)
    if sequence != expected:
        said = f"order {_told(key)} has no entry {expected}; after {expected - 1} comes {sequence}"
        return Finding("history-hole", "error", said, path=path)
    return Finding(
        "history-changed", "error", f"entry {sequence} of order {_told(key)} is not what was sealed", path=path
    )


def _path(key: Key, sequence: int) -> str:
    return f"orders[{_told(key)}].entries[{sequence}]"


def _told(key: Key) -> str:
    return ", ".join(str(part) for part in key)
