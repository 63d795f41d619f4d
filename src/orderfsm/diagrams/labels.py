"""What is written on states and arrows, in lines, and how much room it takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .note import TONES
from .words import LINE, measured, wrapped

if TYPE_CHECKING:
    from .note import Note
    from .picture import Edge, Node

__all__ = ["INDENT", "Word", "beside", "extent", "on_arrow", "on_state", "tested", "told"]

SIZES = {"name": 13.0, "answer": 11.0, "event": 11.0, "unsure": 11.0, "detail": 10.0, "told": 10.0}
"""Style -> the size of its letters."""

HEIGHTS = {"name": 17.0}
WIDER = {"name": 1.1}

INDENT = 14.0
"""How far the words stand behind the sign before them."""

TESTS = ("covered", "missed")
"""Tones that are told by a sign alone, where the note says no more than the legend."""


@dataclass(frozen=True, slots=True)
class Word:
    """A line of text and its style: a key of SIZES. `sign` is the tone whose sign stands before it; " " for its room.

    One that is `gone` is struck through.
    """

    text: str
    style: str
    sign: str = ""
    gone: bool = False

    @property
    def height(self) -> float:
        """From this line to the next."""
        return HEIGHTS.get(self.style, LINE)

    @property
    def width(self) -> float:
        """How wide it is, its sign included."""
        return measured(self.text, SIZES[self.style] * WIDER.get(self.style, 1.0)) + (INDENT if self.sign else 0.0)


def extent(words: Sequence[Word]) -> tuple[float, float]:
    """The width and height of lines below each other; nothing for none."""
    if not words:
        return 0.0, 0.0
    return max(word.width for word in words) + 2, sum(word.height for word in words)


def told(notes: Iterable[Note]) -> tuple[Word, ...]:
    """Notes in words, each behind its sign; what a sign alone says is left out."""
    return tuple(
        Word(line, "told", note.tone if first else " ")
        for note in notes
        if not _is_test(note)
        for first, line in _first(wrapped(note.text, 28))
    )


def _first(lines: Sequence[str]) -> Iterator[tuple[bool, str]]:
    return ((place == 0, line) for place, line in enumerate(lines))


def tested(notes: Iterable[Note]) -> str:
    """Whether tests have been there: the tone, `missed` where they have not been everywhere; empty when not asked."""
    tones = {note.tone for note in notes if _is_test(note)}
    return next((tone for tone in reversed(TESTS) if tone in tones), "")


def _is_test(note: Note) -> bool:
    return note.tone in TESTS and note.text == TONES[note.tone]


def on_state(node: Node) -> tuple[Word, ...]:
    """The word of a state, its name where that is another, and the events that it answers without being left."""
    word = node.label.removesuffix(f" ({node.name})")
    gone = any(note.tone == "removed" for note in node.notes)
    names = [Word(line, "name", gone=gone) for line in wrapped(word, 24)]
    if word != node.label:
        names += (Word(line, "answer") for line in wrapped(f"({node.name})", 26))
    answers = (Word(line, "answer") for event in node.internal for line in wrapped(f"/ {event}", 30))
    return (*names, *answers)


def beside(node: Node) -> tuple[Word, ...]:
    """The notes of a state that is too small for them, in one line."""
    notes = [note for note in node.notes if not _is_test(note)]
    return (Word(", ".join(note.text for note in notes), "told", notes[0].tone),) if notes else ()


def on_arrow(edges: Iterable[Edge], detail: str) -> tuple[Word, ...]:
    """The events of arrows that are drawn as one, each once, and their notes.

    With full detail also who may ask and what goes with it.
    """
    found: dict[tuple[Word, ...], None] = {}
    for edge in edges:
        found[tuple(_event(edge, detail))] = None
    return tuple(word for words in found for word in words)


def _event(edge: Edge, detail: str) -> Iterator[Word]:
    style = "unsure" if detail == "full" and not edge.sure else "event"
    gone = any(note.tone == "removed" for note in edge.notes)
    sign = tested(edge.notes)
    for first, line in _first(wrapped(edge.label, 30) or ((" ",) if sign else ())):
        yield Word(line, style, sign and (sign if first else " "), gone)
    if detail == "full" and not gone:
        for line in wrapped(_details(edge), 28):
            yield Word(line, "detail", sign and " ")
    yield from told(edge.notes)


def _details(edge: Edge) -> str:
    """Who may ask, and that a reason or a link goes with it."""
    actors = dict.fromkeys(actor for transition in edge.transitions for actor in transition.by)
    needed = any(transition.reason.mode == "required" for transition in edge.transitions)
    links = dict.fromkeys(rel for transition in edge.transitions for rel in transition.links)
    parts = (", ".join(actors), "reason" if needed else "", ", ".join(f"link {rel}" for rel in links))
    return " · ".join(part for part in parts if part)
