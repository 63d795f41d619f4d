"""What is written on states and arrows, in lines, and how much room it takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .words import LINE, measured, wrapped

if TYPE_CHECKING:
    from .picture import Edge, Node

__all__ = ["Word", "extent", "on_arrow", "on_state"]

SIZES = {"name": 13.0, "answer": 11.0, "event": 11.0, "unsure": 11.0, "detail": 10.0}
"""Style -> the size of its letters."""

HEIGHTS = {"name": 17.0}
WIDER = {"name": 1.1}


@dataclass(frozen=True, slots=True)
class Word:
    """A line of text and its style: a key of SIZES."""

    text: str
    style: str

    @property
    def height(self) -> float:
        """From this line to the next."""
        return HEIGHTS.get(self.style, LINE)


def extent(words: Sequence[Word]) -> tuple[float, float]:
    """The width and height of lines below each other; nothing for none."""
    if not words:
        return 0.0, 0.0
    return max(measured(word.text, SIZES[word.style] * WIDER.get(word.style, 1.0)) for word in words) + 2, sum(
        word.height for word in words
    )


def on_state(node: Node) -> tuple[Word, ...]:
    """The word of a state, its name where that is another, and the events that it answers without being left."""
    word = node.label.removesuffix(f" ({node.name})")
    names = [Word(line, "name") for line in wrapped(word, 24)]
    if word != node.label:
        names += (Word(line, "answer") for line in wrapped(f"({node.name})", 26))
    answers = (Word(line, "answer") for event in node.internal for line in wrapped(f"/ {event}", 30))
    return (*names, *answers)


def on_arrow(edges: Iterable[Edge], detail: str) -> tuple[Word, ...]:
    """The events of arrows that are drawn as one, each once; with full detail who may ask and what goes with it."""
    found: dict[tuple[Word, ...], None] = {}
    for edge in edges:
        found[tuple(_event(edge, detail))] = None
    return tuple(word for words in found for word in words)


def _event(edge: Edge, detail: str) -> Iterator[Word]:
    unsure = detail == "full" and not edge.sure
    for line in wrapped(edge.label, 30):
        yield Word(line, "unsure" if unsure else "event")
    if detail == "full":
        for line in wrapped(_details(edge), 28):
            yield Word(line, "detail")


def _details(edge: Edge) -> str:
    """Who may ask, and that a reason or a link goes with it."""
    actors = dict.fromkeys(actor for transition in edge.transitions for actor in transition.by)
    needed = any(transition.reason.mode == "required" for transition in edge.transitions)
    links = dict.fromkeys(rel for transition in edge.transitions for rel in transition.links)
    parts = (", ".join(actors), "reason" if needed else "", ", ".join(f"link {rel}" for rel in links))
    return " · ".join(part for part in parts if part)
