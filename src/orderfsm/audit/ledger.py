"""The file of seals: runs of lines of JSON, each run closed by a digest over everything before it.

A run is one line that begins it, one line per order that has grown, and one line that ends it. A run without its end,
as a crash leaves it, counts for nothing and is cut off by the next one.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from orderfsm.errors import LedgerBroken

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["MARK", "Ledger", "Sealed", "append", "read"]

MARK = 4
"""How many bytes of each entry's digest are kept: enough to name an entry, while the head vouches for all of them."""

Key = tuple[Any, ...]


@dataclass(slots=True)
class Sealed:
    """What is known of one order: the chained digest of its last sealed entry, and a mark per entry."""

    head: bytes = b""
    marks: bytearray = field(default_factory=bytearray)

    @property
    def entries(self) -> int:
        """How many entries are sealed."""
        return len(self.marks) // MARK

    def fits(self, sequence: int, digest: bytes) -> bool:
        """Whether the chained digest of an entry is what was sealed; the last one is compared as a whole."""
        place = (sequence - 1) * MARK
        if self.marks[place : place + MARK] != digest[:MARK]:
            return False
        return place + MARK < len(self.marks) or digest == self.head


@dataclass(slots=True)
class Ledger:
    """All seals of a file: per order, and the head, which vouches for the file; `size` is where its last run ends."""

    orders: dict[Key, Sealed] = field(default_factory=dict)
    columns: tuple[str, ...] = ()
    table: str = ""
    head: str = ""
    size: int = 0


def read(file: Path) -> Ledger:
    """The seals of a file; an empty ledger when there is none. Raises LedgerBroken, with the line."""
    ledger = Ledger()
    if not file.exists():
        return ledger
    digest = hashlib.sha256()
    waiting: list[Mapping[str, Any]] = []
    size = 0
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.endswith(b"\n"):
                break
            size += len(line)
            said = _line(file, number, line)
            if "end" in said:
                _close(ledger, file, number, digest.hexdigest(), said["end"], waiting)
                ledger.size, waiting = size, []
            else:
                waiting.append(said)
            digest.update(line)
    return ledger


def _line(file: Path, number: int, line: bytes) -> Mapping[str, Any]:
    try:
        said = json.loads(line)
    except ValueError:
        said = None
    if not isinstance(said, dict) or not said.keys() & {"seal", "order", "end"}:
        raise LedgerBroken(f"{file}:{number}: this is no line of a file of seals; name the file that `seal` wrote")
    return said


def _close(ledger: Ledger, file: Path, number: int, digest: str, end: str, run: list[Mapping[str, Any]]) -> None:
    """Take a run over into the ledger, once its end is seen to be right."""
    if digest != end or not run or "seal" not in run[0]:
        raise LedgerBroken(f"{file}:{number}: the lines above are not those that were sealed; take a copy of the file")
    ledger.head, ledger.columns, ledger.table = end, tuple(run[0]["columns"]), run[0]["table"]
    for said in run[1:]:
        known = ledger.orders.setdefault(tuple(said["order"]), Sealed())
        if said["from"] != known.entries + 1:
            raise LedgerBroken(
                f"{file}:{number}: order {said['order']} goes on at {said['from']}, which is out of turn"
            )
        known.head = bytes.fromhex(said["head"])
        known.marks += bytes.fromhex(said["marks"])


def append(file: Path, ledger: Ledger, begin: Mapping[str, Any], grown: Iterable[tuple[Key, int, Sealed]]) -> str:
    """Write one run, durably, and return its end: the new head of the file.

    `grown` has each order that has new entries, with the first of them.
    """
    digest = hashlib.sha256()
    with file.open("r+b" if file.exists() else "w+b") as out:
        for chunk in iter(lambda: out.read(min(1 << 20, ledger.size - out.tell())), b""):
            digest.update(chunk)
        out.truncate(ledger.size)
        for said in (begin, *_lines(grown)):
            line = json.dumps(said, separators=(",", ":"), default=str).encode() + b"\n"
            digest.update(line)
            out.write(line)
        head = digest.hexdigest()
        out.write(json.dumps({"end": head}, separators=(",", ":")).encode() + b"\n")
        out.flush()
        os.fsync(out.fileno())
    return head


def _lines(grown: Iterable[tuple[Key, int, Sealed]]) -> Iterator[Mapping[str, Any]]:
    for key, first, known in grown:
        marks = known.marks[(first - 1) * MARK :]
        yield {"order": list(key), "from": first, "to": known.entries, "head": known.head.hex(), "marks": marks.hex()}
