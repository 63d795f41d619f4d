"""Histories that already exist, held against a chart: `conform(chart, histories)`, and the event logs they come from.

A log says which codes an order has shown, one after the other. A history conforms when some legal life shows the
same codes: guards, actors and reasons count as satisfiable, as in `trace`. After a pair of codes that no life shows,
the rest of the history is read as if the order had come there legally, so that every broken pair is counted.
"""

from __future__ import annotations

import csv
import gzip
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple, cast
from xml.parsers import expat

from .errors import LogError
from .graph import steps_from
from .history import effective
from .table import compile

if TYPE_CHECKING:
    from collections.abc import Callable

    from .cell import Configuration
    from .chart import Chart
    from .history import Entry

__all__ = ["Broken", "Conformance", "History", "conform", "read_log"]

STATUS = ("concept:name",)
CASE = "case:concept:name"
DEPTH = 64
LARGEST = 1 << 20
"""How many characters an attribute of a log may have."""


class History(NamedTuple):
    """What a log tells of one order: its name there, and the codes it showed, oldest first."""

    name: str
    codes: tuple[str, ...]

    @classmethod
    def of(cls, name: str, entries: Iterable[Entry]) -> History:
        """What the entries of an order tell: the codes of those that count, without what was voided."""
        found = (each.entry for each in effective(entries) if each.counts)
        return cls(name, tuple(entry.code for entry in found if entry.code is not None))


class Broken(NamedTuple):
    """Two codes in a row that no legal life shows; `before` is None for a first code that begins no life."""

    before: str | None
    code: str

    def __str__(self) -> str:
        return f"{self.before or 'the start'} -> {self.code}"


@dataclass(slots=True)
class Conformance:
    """How a log fares against a chart. `example` names one history for each broken pair."""

    histories: int = 0
    legal: int = 0
    codes: int = 0
    repeats: int = 0
    variants: int = 0
    broken: Counter[Broken] = field(default_factory=Counter)
    example: dict[Broken, str] = field(default_factory=dict)
    unknown: Counter[str] = field(default_factory=Counter)

    @property
    def share(self) -> float:
        """The share of legal histories, from 0 to 1; 1 for an empty log."""
        return self.legal / self.histories if self.histories else 1.0

    def as_dict(self, *, most: int = 10) -> dict[str, Any]:
        """The figures as JSON, with the most frequent broken pairs; equally frequent ones sorted by code."""
        ranked = sorted(self.broken.items(), key=lambda item: (-item[1], item[0].before or "", item[0].code))
        pairs = [
            {"before": pair.before, "code": pair.code, "count": count, "example": self.example[pair]}
            for pair, count in ranked[:most]
        ]
        return {
            "histories": self.histories,
            "legal": self.legal,
            "share": round(self.share, 4),
            "codes": self.codes,
            "repeats": self.repeats,
            "variants": self.variants,
            "broken_pairs": sum(self.broken.values()),
            "most_frequent": pairs,
            "unknown_codes": dict(sorted(self.unknown.items())),
        }


def conform(chart: Chart, histories: Iterable[History], *, repeats: str = "fold") -> Conformance:
    """How many histories are legal, and which pairs of codes break them.

    `repeats` says what a code after the same code is: `fold` reads the two as one status that was reported twice,
    `step` as a step that the chart must allow. Each distinct sequence of codes is judged once. Raises ValueError for
    other words.
    """
    if repeats not in ("fold", "step"):
        raise ValueError(f"repeats is 'fold' or 'step', not {repeats!r}")
    lives, found = _Lives(chart), Conformance()
    judged: dict[tuple[str, ...], tuple[Broken, ...]] = {}
    for history in histories:
        folded = _folded(history.codes) if repeats == "fold" else history.codes
        if folded not in judged:
            judged[folded] = tuple(lives.broken(folded))
        _count(found, history, judged[folded])
        found.unknown.update(code for code in folded if code not in lives.known)
    found.variants = len(judged)
    return found


def _folded(codes: Iterable[str]) -> tuple[str, ...]:
    return tuple(code for code, _ in itertools.groupby(codes))


def _count(found: Conformance, history: History, broken: tuple[Broken, ...]) -> None:
    found.histories += 1
    found.legal += not broken
    found.codes += len(history.codes)
    found.repeats += len(history.codes) - len(_folded(history.codes))
    found.broken.update(broken)
    for pair in broken:
        found.example.setdefault(pair, history.name)


Layer = frozenset["Configuration | None"]


class _Lives:
    """All legal lives at once: the configurations that an order may be in after the codes it has shown."""

    def __init__(self, chart: Chart) -> None:
        self.table = compile(chart)
        self.aliases = chart.aliases
        self.known = frozenset(chart.codes) | frozenset(chart.aliases)
        self.moves: dict[tuple[Layer, str], Layer] = {}

    def broken(self, codes: Sequence[str]) -> Iterator[Broken]:
        here: Layer = frozenset([None])
        for place, code in enumerate(codes):
            after = self.after(here, code)
            if not after:
                yield Broken(codes[place - 1] if place else None, code)
                after = self.showing(code)
            here = after

    def after(self, here: Layer, code: str) -> Layer:
        key = here, code
        if key not in self.moves:
            word = self.aliases.get(code, code)
            steps = (step for origin in here for step in steps_from(self.table, origin))
            self.moves[key] = frozenset(step.after for step in steps if step.after.code == word)
        return self.moves[key]

    def showing(self, code: str) -> Layer:
        word = self.aliases.get(code, code)
        return frozenset(found for found in self.table.configurations.values() if found.code == word)


# --- reading logs


def read_log(path: str | Path, *, status: Sequence[str] = STATUS, case: str = CASE) -> Iterator[History]:
    """The histories of an event log, in the order of the file: XES (`.xes`) or CSV (`.csv`), either also with `.gz`.

    `status` names the attributes or columns that make up a code; several are joined with `/`. `case` is the column
    of a CSV that tells the orders apart. An XES file is read as a stream, one history at a time; it may not declare a
    document type or entities. Raises LogError with the place, and OSError when there is no such file.
    """
    source = Path(path)
    name = source.name.removesuffix(".gz")
    reader = _READERS.get(name[name.rfind(".") :].lower())
    if reader is None:
        raise LogError(
            f"{source}: not an event log that can be read; give a file that ends in .xes or .csv, or with .gz"
        )
    with gzip.open(source) if source.suffix == ".gz" else source.open("rb") as stream:
        try:
            yield from reader(cast("IO[bytes]", stream), tuple(status), case)
        except (expat.ExpatError, UnicodeDecodeError, EOFError, gzip.BadGzipFile, csv.Error) as error:
            raise LogError(f"{source}: {error}; is the file whole?") from error
        except LogError as error:
            raise LogError(f"{source}: {error}") from None


def _xes(stream: IO[bytes], status: tuple[str, ...], case: str) -> Iterator[History]:
    log = _Xes(status)
    while chunk := stream.read(1 << 16):
        log.parser.Parse(chunk, False)
        yield from log.taken()
    log.parser.Parse(b"", True)
    yield from log.taken()


class _Xes:
    """A push parser that keeps no more than the trace it is in."""

    def __init__(self, status: tuple[str, ...]) -> None:
        self.status = status
        self.open: list[str] = []
        self.name = ""
        self.codes: list[str] = []
        self.event: dict[str, str] = {}
        self.done: list[History] = []
        self.parser = expat.ParserCreate(namespace_separator=None)
        self.parser.StartElementHandler = self.enter
        self.parser.EndElementHandler = self.leave
        self.parser.StartDoctypeDeclHandler = self.refuse
        self.parser.EntityDeclHandler = self.refuse

    def refuse(self, *_: object) -> None:
        raise LogError(f"line {self.parser.CurrentLineNumber}: a document type or entity is declared; remove it")

    def enter(self, tag: str, attributes: dict[str, str]) -> None:
        kind = tag.rpartition(":")[2]
        inside = self.open[-1] if self.open else ""
        self.open.append(kind)
        if len(self.open) > DEPTH:
            raise LogError(f"line {self.parser.CurrentLineNumber}: elements are nested more than {DEPTH} deep")
        if kind == "trace" and inside == "log":
            self.name, self.codes = "", []
        elif kind == "event" and inside == "trace":
            self.event = {}
        elif inside in ("trace", "event"):
            self.attribute(inside, attributes)

    def attribute(self, inside: str, attributes: dict[str, str]) -> None:
        key, value = attributes.get("key", ""), attributes.get("value", "")
        if len(value) > LARGEST:
            raise LogError(f"line {self.parser.CurrentLineNumber}: {key!r} has more than {LARGEST} characters")
        if inside == "event":
            self.event[key] = value
        elif key == "concept:name":
            self.name = value

    def leave(self, tag: str) -> None:
        kind = self.open.pop()
        inside = self.open[-1] if self.open else ""
        if kind == "event" and inside == "trace":
            self.codes.append(_code(self.event, self.status, f"line {self.parser.CurrentLineNumber}"))
        elif kind == "trace" and inside == "log":
            self.done.append(History(self.name, tuple(self.codes)))

    def taken(self) -> list[History]:
        done, self.done = self.done, []
        return done


def _csv(stream: IO[bytes], status: tuple[str, ...], case: str) -> Iterator[History]:
    """Rows may be interleaved: histories come in the order of their first row, each in the order of its rows."""
    rows = csv.DictReader(line.decode("utf-8-sig" if place == 0 else "utf-8") for place, line in enumerate(stream))
    codes: dict[str, list[str]] = {}
    for row in rows:
        name = row.get(case)
        if name is None:
            raise LogError(f"line {rows.line_num}: no column {case!r}; the columns are {', '.join(map(str, row))}")
        codes.setdefault(name, []).append(_code(row, status, f"line {rows.line_num}"))
    yield from (History(name, tuple(seen)) for name, seen in codes.items())


def _code(event: dict[str, Any], status: tuple[str, ...], place: str) -> str:
    missing = [name for name in status if event.get(name) is None]
    if missing:
        known = ", ".join(map(str, event)) or "nothing"
        raise LogError(f"{place}: an event has no {missing[0]!r}; it has {known}; name the attributes that make a code")
    return "/".join(str(event[name]) for name in status)


_READERS: dict[str, Callable[[IO[bytes], tuple[str, ...], str], Iterator[History]]] = {".xes": _xes, ".csv": _csv}
