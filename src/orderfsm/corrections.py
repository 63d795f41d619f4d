"""Corrections in a history: entries are never changed, later ones say which of them do not count, or count otherwise.

- `override`: the order goes to any configuration; `corrects` may name the entry that made that necessary.
- `void`: the last entry that counts was wrong; the order goes back to where it was before it.
- `supersede`: what an entry tells (reason, links, payload, when) is restated; the order stays.

The last two always name an entry in `corrects`. An entry of that event without one is an ordinary step of a chart that
has such an event. Entries may be of any kind: attributes or keys of a mapping are read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["ADOPTED", "OVERRIDE", "SUPERSEDE", "VOID", "Past", "field_of", "in_force"]

ADOPTED = "adopt"
"""The event of an entry that takes in an order that already exists."""

OVERRIDE = "override"
"""The event of a correction that puts the order into any configuration."""

VOID = "void"
"""The event of a correction that takes back the last entry that counts."""

SUPERSEDE = "supersede"
"""The event of a correction that restates what an entry tells."""


def field_of(entry: Any, name: str) -> Any:
    """What an entry holds under a name, be it an object or a mapping; None where it has nothing."""
    return entry.get(name) if isinstance(entry, Mapping) else getattr(entry, name, None)


class Past:
    """A history, read entry by entry: which entries count, and which corrections they have met.

    Entries are known by their sequence, or by their place (from 1) where they have none. `standing` are those that have
    led the order to where it is, `voided` and `restated` say by which later ones an entry was corrected.
    """

    def __init__(self, entries: Iterable[Any] = ()) -> None:
        self.standing: dict[int, Any] = {}
        self.voided: dict[int, int] = {}
        self.restated: dict[int, list[int]] = {}
        self._places = 0
        for entry in entries:
            self.read(entry)

    def read(self, entry: Any) -> str | None:
        """Take in the next entry; what is wrong with it as a correction, None when nothing is."""
        self._places += 1
        sequence = field_of(entry, "sequence") or self._places
        corrects = field_of(entry, "corrects")
        event = field_of(entry, "event")
        problem = None
        if corrects is None or event not in (VOID, SUPERSEDE):
            problem = self._pointing(sequence, corrects)
            self.standing[sequence] = entry
        elif event == VOID:
            problem = self._void(sequence, corrects, entry)
        else:
            problem = self._supersede(sequence, corrects, entry)
        return problem

    def voidable(self) -> int | None:
        """The sequence of the entry that a void would take back; None when only the first one is left."""
        return next(reversed(self.standing)) if len(self.standing) > 1 else None

    def _pointing(self, sequence: int, corrects: int | None) -> str | None:
        if corrects is None or 0 < corrects < sequence:
            return None
        return f"it corrects entry {corrects}, which is not before it"

    def _void(self, sequence: int, corrects: int, entry: Any) -> str | None:
        last = self.voidable()
        if last is None or corrects != last:
            wrong = "the first entry stays" if last is None else f"the last one that counts is entry {last}"
            return f"it voids entry {corrects}, and {wrong}"
        self.voided[last] = sequence
        before = field_of(self.standing.pop(last), "before")
        if field_of(entry, "after") != before:
            return f"it voids entry {corrects}, and does not lead back to {before}"
        return None

    def _supersede(self, sequence: int, corrects: int, entry: Any) -> str | None:
        if corrects not in self.standing:
            return f"it restates entry {corrects}, which does not count"
        self.restated.setdefault(corrects, []).append(sequence)
        return None if field_of(entry, "before") == field_of(entry, "after") else "it restates, and does not stay"


def in_force(entries: Iterable[Any]) -> list[tuple[Any, Mapping[str, Any]]]:
    """The entries that count, each with what was restated of it: reason, links, payload, occurred_at, as in JSON."""
    given = list(entries)
    past = Past(given)
    by_sequence = {field_of(entry, "sequence") or place: entry for place, entry in enumerate(given, 1)}
    told = {key: restated(by_sequence[place] for place in past.restated.get(key, ())) for key in past.standing}
    return [(entry, told[key]) for key, entry in past.standing.items()]


def restated(superseding: Iterable[Any]) -> dict[str, Any]:
    """What entries restate, the later ones over the earlier ones."""
    told: dict[str, Any] = {}
    for entry in superseding:
        told |= field_of(entry, "payload") or {}
    return told
