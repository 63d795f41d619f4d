"""What text formats write on states and arrows: everything that an arrow asks for, and the notes beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from orderfsm.chart import Category, Kind

from .palette import DARK, LIGHT
from .words import wrapped

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .note import Note
    from .overlay import Marks
    from .palette import Palette
    from .picture import Edge, Node, Picture

__all__ = ["SIGNS", "TONES", "Caption", "colours", "lines", "on_arrow", "on_state", "signed", "style", "title"]

SIGNS = {
    Category.OPEN: "○",
    Category.WAITING: "◔",
    Category.SUSPENDED: "‖",
    Category.DONE: "✓",
    Category.FAILED: "✗",
    Category.CANCELLED: "⊘",
}
"""Category -> its sign, so that colour is never the only difference."""

TONES = {
    **dict.fromkeys(("error", "refused", "removed", "missed", "survived"), "failed"),
    **dict.fromkeys(("warning", "changed"), "waiting"),
    **dict.fromkeys(("covered", "added"), "done"),
}
"""The tone of a note -> the category whose colour it has."""


LINE, TITLE = 32, 70
"""About how many characters a line on a state or an arrow has, and one of the title."""


class Caption(NamedTuple):
    """A line of words before it is wrapped.

    Its style is `title`, `name`, `answer` (of a state), `event`, `unsure` (an event that no source states), `detail`,
    or `note`, which has a tone.
    """

    text: str
    style: str
    tone: str = ""


def colours(theme: str) -> Palette:
    """The colours of a theme; `auto` means light, for text formats do not know the reader's screen."""
    return DARK if theme == "dark" else LIGHT


def title(picture: Picture, marks: Marks) -> tuple[Caption, ...]:
    """The title of a picture, and the notes that belong to no state or arrow."""
    return (Caption(picture.title, "title"), *_noted(marks.aside))


def lines(captions: Iterable[Caption]) -> Iterator[tuple[Caption, str]]:
    """The captions, wrapped: each line with the caption that it is part of."""
    for caption in captions:
        for line in wrapped(caption.text, TITLE if caption.style == "title" else LINE):
            yield caption, line


def style(node: Node, marks: Marks) -> str:
    """What a node looks like: a key of the palette, with `_active` or `_passed` where an order is or was in it."""
    plain = "around" if node.kind not in (Kind.ATOMIC, Kind.FINAL) else str(node.category or "plain")
    if node.name in marks.active:
        return f"{plain}_active"
    return f"{plain}_passed" if node.name in marks.passed else plain


def signed(node: Node, label: str) -> str:
    """A label with the sign of the node's category before it."""
    if node.category is None or node.kind not in (Kind.ATOMIC, Kind.FINAL):
        return label
    return f"{SIGNS[node.category]} {label}"


def on_state(node: Node, marks: Marks) -> tuple[Caption, ...]:
    """The word of a state and its name where that is another, the events that do not leave it, and its notes."""
    word = node.label.removesuffix(f" ({node.name})")
    names = [Caption(signed(node, word), "name")]
    names += [Caption(f"({node.name})", "answer")] if word != node.label else []
    names += [Caption("side by side", "answer")] if node.kind is Kind.PARALLEL else []
    answers = dict.fromkeys(caption for edge in node.answers for caption in _answer(edge))
    return (*names, *answers, *_noted(marks.of_state(node.name)))


def _answer(edge: Edge) -> Iterator[Caption]:
    label, details = _parts(edge)
    if label:
        yield Caption(f"/ {label}", "answer")
        if details:
            yield Caption(details, "detail")


def on_arrow(edges: Iterable[Edge], marks: Marks) -> tuple[Caption, ...]:
    """The events of arrows that are drawn as one, each once; who may ask, what goes with it, and the notes."""
    found: dict[tuple[Caption, ...], None] = {}
    for edge in edges:
        found[tuple(_event(edge, marks))] = None
    return tuple(caption for captions in found for caption in captions)


def _event(edge: Edge, marks: Marks) -> Iterator[Caption]:
    label, details = _parts(edge)
    if label:
        yield Caption(label, "event" if edge.sure else "unsure")
    if details:
        yield Caption(details, "detail")
    yield from _noted(marks.of_arrows(edge.transitions))


def _parts(edge: Edge) -> tuple[str, str]:
    """The event with its basis where it is not sure, and the details, which plain pictures lack."""
    if edge.basis is None:
        return edge.label, ""
    actors = dict.fromkeys(actor for transition in edge.transitions for actor in transition.by)
    details = " · ".join((*((f"by {', '.join(actors)}",) if actors else ()), *edge.needs))
    return " ".join(filter(None, (edge.label, "" if edge.sure else f"({edge.basis})"))), details


def _noted(notes: Iterable[Note]) -> Iterator[Caption]:
    """Notes as captions."""
    return (Caption(note.text, "note", note.tone) for note in notes)
