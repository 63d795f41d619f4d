"""SVG: a drawing of our own layout, for light and dark pages, that says in words and shapes what it says in colours.

Nothing in it is active and nothing is loaded: no script, no link, no foreign object. Every text is escaped, no name
becomes part of a style or an identifier.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING

from orderfsm.chart import START, Basis, Kind
from orderfsm.printable import printable
from orderfsm.table import compile

from .nested import DrawnBox, DrawnLine, drawn
from .picture import picture
from .words import LINE

if TYPE_CHECKING:
    from orderfsm.chart import Chart

    from .layered import Point
    from .picture import Picture

__all__ = ["Overlay", "render"]

ROUNDING = 9.0

STYLE = """
.orderfsm{--ink:#1c2733;--soft:#5b6a7a;--paper:#fff;--line:#708091;--happy:#1f5fae;--taken:#b3541e;
--open:#e8f1fb;--open-line:#3b6ea5;--waiting:#fdf5d9;--waiting-line:#8f7120;--suspended:#f9e6d2;
--suspended-line:#a0621f;--done:#e1f3e2;--done-line:#37793d;--failed:#fbe3e1;--failed-line:#a83a31;
--cancelled:#ececec;--cancelled-line:#666;--none:#f4f6f8;--none-line:#708091;
font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
@media (prefers-color-scheme:dark){.orderfsm{--ink:#e8edf2;--soft:#a3b0bd;--paper:#14191f;--line:#8594a3;
--happy:#7db4ff;--taken:#ffa066;--open:#16283c;--open-line:#6fa5dd;--waiting:#332b10;--waiting-line:#d0ae4c;
--suspended:#38260f;--suspended-line:#dfa05a;--done:#12301a;--done-line:#74c07c;--failed:#3a1714;
--failed-line:#ee8a80;--cancelled:#2a2c2f;--cancelled-line:#a9adb2;--none:#1d242c;--none-line:#8594a3}}
.orderfsm text{fill:var(--ink);font-size:13px}.orderfsm .small{font-size:11px}.orderfsm .soft{fill:var(--soft)}
.orderfsm .page{fill:var(--paper)}.orderfsm .region{fill:none;stroke:var(--soft);stroke-dasharray:none}
.orderfsm .parallel{stroke-dasharray:7 4}
.orderfsm .box{fill:var(--none);stroke:var(--none-line);stroke-width:1.2}.orderfsm .ring{fill:none}
.orderfsm .open{fill:var(--open);stroke:var(--open-line)}
.orderfsm .waiting{fill:var(--waiting);stroke:var(--waiting-line)}
.orderfsm .suspended{fill:var(--suspended);stroke:var(--suspended-line)}
.orderfsm .done{fill:var(--done);stroke:var(--done-line)}.orderfsm .failed{fill:var(--failed);stroke:var(--failed-line)}
.orderfsm .cancelled{fill:var(--cancelled);stroke:var(--cancelled-line)}
.orderfsm .ring.open,.orderfsm .ring.done,.orderfsm .ring.failed,.orderfsm .ring.cancelled,.orderfsm .ring.waiting,
.orderfsm .ring.suspended{fill:none}
.orderfsm .sign{fill:none;stroke:var(--ink);stroke-width:1.4}
.orderfsm .arrow{fill:none;stroke:var(--line);stroke-width:1.3}.orderfsm .tip{fill:var(--line)}
.orderfsm .later{stroke-dasharray:9 3}.orderfsm .inferred{stroke-dasharray:4 3}
.orderfsm .happy{stroke:var(--happy);stroke-width:1.9}.orderfsm .tip.happy{fill:var(--happy);stroke:none}
.orderfsm .taken{stroke:var(--taken);stroke-width:2.6}.orderfsm .tip.taken{fill:var(--taken);stroke:none}
.orderfsm .visited{stroke:var(--taken);stroke-width:2}.orderfsm .current{stroke:var(--taken);stroke-width:4}
.orderfsm .dot{fill:var(--ink)}.orderfsm .under{fill:var(--paper)}
""".strip()

SIGNS = {
    "open": "M0 5a5 5 0 1 0 10 0a5 5 0 1 0-10 0",
    "waiting": "M0 0H10L0 10H10Z",
    "suspended": "M2 0V10M8 0V10",
    "done": "M0 5L4 9L10 0",
    "failed": "M0 0L10 10M10 0L0 10",
    "cancelled": "M0 5a5 5 0 1 0 10 0a5 5 0 1 0-10 0M1.5 8.5L8.5 1.5",
}
"""A shape for each category, ten units wide and high."""

STATED = {Basis.STATED: "", Basis.DOCUMENTED: "", Basis.LATER: "later", Basis.INFERRED: "inferred"}
UNFIT = re.compile("[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f\\ud800-\\udfff\\ufffe\\uffff]")


@dataclass(frozen=True, slots=True)
class Overlay:
    """What a drawing shows of one order: the configuration that it is in, and the pairs that it went through."""

    current: str | None = None
    taken: tuple[tuple[str | None, str], ...] = ()


def render(chart: Chart, configuration: str | None = None, detail: str = "full", overlay: Overlay | None = None) -> str:
    """The chart as an SVG document; configurations of the overlay that the chart lacks are left out."""
    seen = picture(chart, configuration=configuration, detail=detail)
    return _Svg(chart, seen, configuration, overlay or Overlay()).text()


class _Svg:
    def __init__(self, chart: Chart, seen: Picture, configuration: str | None, overlay: Overlay) -> None:
        self.chart, self.seen = chart, seen
        self.drawn = drawn(seen)
        self.current = self._states(configuration or overlay.current)
        self.steps = [(self._states(before), self._states(after)) for before, after in overlay.taken]
        self.visited = frozenset(name for pair in self.steps for states in pair for name in states)

    def _states(self, configuration: str | None) -> frozenset[str]:
        """The states of a configuration, START for the one before the first; none for what the chart lacks."""
        if configuration is None or configuration == START:
            return frozenset({">"} if configuration == START else ())
        found = compile(self.chart).configurations.get(configuration)
        return found.states if found is not None else frozenset()

    def text(self) -> str:
        """The document."""
        width, height = _number(self.drawn.width), _number(self.drawn.height)
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="orderfsm" role="img" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}">'
        )
        parts = [
            head,
            f"<title>{_text(self.seen.title)}</title>",
            f"<desc>{_text(self._told())}</desc>",
            f"<style>{STYLE}</style>",
            f'<rect class="page" width="{width}" height="{height}"/>',
            *(self._region(box) for box in self.drawn.boxes if _is_scope(box)),
            *(self._line(line) for line in self.drawn.lines),
            *(self._label(line) for line in self.drawn.lines if line.words),
            *(self._box(box) for box in self.drawn.boxes if not _is_scope(box)),
            "</svg>",
        ]
        return "\n".join(parts) + "\n"

    def _told(self) -> str:
        """The drawing in words, for those who do not see it."""
        states = [
            node.label for node in self.seen.nodes if node.name in self.current and node.kind is not Kind.COMPOUND
        ]
        here = f" The order is {' and '.join(states)}." if states else ""
        arrows = "; ".join(self._said(line) for line in self.drawn.lines if line.edges)
        return f"State chart.{here} Arrows: {arrows}." if arrows else f"State chart.{here}"

    def _said(self, line: DrawnLine) -> str:
        labels = {node.name: node.label for node in self.seen.nodes}
        events = ", ".join(edge.label for edge in line.edges if edge.label)
        source = labels.get(line.source, "the beginning")
        return f"{source} to {labels.get(line.target, line.target)}{f' by {events}' if events else ''}"

    # --- boxes

    def _region(self, box: DrawnBox) -> str:
        parallel = box.node is not None and box.node.parent is not None and self._kind(box.node.parent) is Kind.PARALLEL
        marks = " parallel" if parallel else ""
        rect = self._rect(box, f"region{marks}{self._marks(box.name)}", ROUNDING + 3)
        title = _words_at(box.x + 12, box.y + box.top + 17, box.lines, "soft")
        return f"<g>{rect}{title}{_loop(box)}</g>"

    def _kind(self, name: str) -> Kind | None:
        return next((node.kind for node in self.seen.nodes if node.name == name), None)

    def _marks(self, name: str) -> str:
        return f"{' visited' if name in self.visited else ''}{' current' if name in self.current else ''}"

    def _rect(self, box: DrawnBox, marks: str, rounding: float, inset: float = 0.0) -> str:
        x, y = box.x + inset, box.y + box.top + inset
        width, height = box.width - 2 * inset, box.height - box.top - 2 * inset
        sizes = f'x="{_number(x)}" y="{_number(y)}" width="{_number(width)}" height="{_number(height)}"'
        return f'<rect class="{marks}" {sizes} rx="{_number(rounding)}"/>'

    def _box(self, box: DrawnBox) -> str:
        middle = f'cx="{_number(box.x + box.width / 2)}" cy="{_number(box.y + box.height / 2)}"'
        if box.node is None:
            return f'<circle class="dot" {middle} r="{_number(box.width / 2 - 1)}"/>'
        if box.node.kind.is_history:
            text = _words_at(box.x + box.width / 2, box.y + box.height / 2 + 4, box.lines, "small", "middle")
            return f'<g><circle class="box" {middle} r="{_number(box.width / 2 - 1)}"/>{text}</g>'
        category = box.node.category.value if box.node.category is not None else ""
        marks = f"box {category}{self._marks(box.name)}".strip()
        parts = [self._rect(box, marks, ROUNDING)]
        if box.node.kind is Kind.FINAL:
            parts.append(self._rect(box, f"box ring {category}".strip(), ROUNDING - 3, 3.5))
        if category:
            at = f"translate({_number(box.x + 11)} {_number(box.y + box.top + 12)})"
            parts.append(f'<path class="sign" transform="{at}" d="{SIGNS[category]}"><title>{category}</title></path>')
        parts.append(_state_words(box))
        return f"<g>{''.join(parts)}{_loop(box)}</g>"

    # --- arrows

    def _line(self, line: DrawnLine) -> str:
        bases = {STATED[edge.basis] for edge in line.edges if edge.basis is not None}
        marks = f" {next(iter(bases))}" if len(bases) == 1 and "" not in bases else ""
        marks += " happy" if any(edge.happy for edge in line.edges) else ""
        marks += " taken" if self._taken(line) else ""
        told = f"<title>{_text(self._said(line))}</title>" if line.edges else ""
        tip = _tip(line.points, " taken" if " taken" in marks else " happy" if " happy" in marks else "")
        return f'<g>{told}<path class="arrow{marks}" d="{_curve(line.points)}"/>{tip}</g>'

    def _taken(self, line: DrawnLine) -> bool:
        return any(line.source in before and line.target in after and line.edges for before, after in self.steps)

    def _label(self, line: DrawnLine) -> str:
        x, y, width, height = line.label
        sizes = f'x="{_number(x)}" y="{_number(y)}" width="{_number(width)}" height="{_number(height)}"'
        return f'<g><rect class="under" {sizes}/>{_words_at(x + width / 2, y + 11, line.words, "small", "middle")}</g>'


def _is_scope(box: DrawnBox) -> bool:
    return box.node is not None and box.node.kind in (Kind.COMPOUND, Kind.PARALLEL)


def _state_words(box: DrawnBox) -> str:
    """The word of a state, and below it what it answers without being left."""
    found, y = [], box.y + box.top + 21
    for line, marks in [*((line, "") for line in box.lines), *((line, "small soft") for line in box.answers)]:
        found.append(_words_at(box.x + 28, y, (line,), marks))
        y += LINE * 1.2
    return "".join(found)


def _loop(box: DrawnBox) -> str:
    """Arrows from a state to itself: a bow over the box, with its words above."""
    if not box.loops:
        return ""
    y, x = box.y + box.top, box.x + box.width / 2
    bow = f"M{_number(x - 14)} {_number(y)}C{_number(x - 16)} {_number(y - 17)} {_number(x + 16)} {_number(y - 17)} "
    bow += f"{_number(x + 14)} {_number(y - 1)}"
    tip = _tip(((x + 16, y - 12), (x + 14, y)), "")
    words = _words_at(x, box.y + 10, box.loops, "small", "middle")
    return f'<path class="arrow" d="{bow}"/>{tip}{words}'


def _words_at(x: float, y: float, lines: Sequence[str], marks: str, anchor: str = "start") -> str:
    found = []
    for number, line in enumerate(lines):
        place = f'x="{_number(x)}" y="{_number(y + LINE * number)}"'
        style = f' class="{marks}"' if marks else ""
        middle = f' text-anchor="{anchor}"' if anchor != "start" else ""
        found.append(f"<text{style} {place}{middle}>{_text(line)}</text>")
    return "".join(found)


def _curve(points: Sequence[Point]) -> str:
    """A path that runs level through each slot, and bends between them."""
    first = points[0]
    parts = [f"M{_number(first[0])} {_number(first[1])}"]
    for before, after in pairwise(points):
        if abs(before[1] - after[1]) < 0.5:
            parts.append(f"L{_number(after[0])} {_number(after[1])}")
        else:
            middle = _number((before[0] + after[0]) / 2)
            parts.append(
                f"C{middle} {_number(before[1])} {middle} {_number(after[1])} {_number(after[0])} {_number(after[1])}"
            )
    return "".join(parts)


def _tip(points: Sequence[Point], marks: str) -> str:
    """The head of an arrow, at its last point."""
    (before_x, before_y), (x, y) = points[-2], points[-1]
    if abs(y - before_y) > abs(x - before_x) and x != before_x and abs(x - before_x) < 5:
        shape = f"M{_number(x)} {_number(y)}l-4 -8h8z"
    else:
        shape = f"M{_number(x)} {_number(y)}l{'-8 -4v8' if x >= before_x else '8 -4v8'}z"
    return f'<path class="tip{marks}" d="{shape}"/>'


def _text(text: str) -> str:
    """A text as XML takes it: escaped, without characters that XML does not know."""
    return escape(UNFIT.sub("\ufffd", printable(text)), quote=True)


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
