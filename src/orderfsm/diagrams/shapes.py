"""The elements of SVG that a drawing is made of; every text and attribute that comes from outside is escaped here."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from orderfsm.printable import printable

from .glyphs import mark
from .labels import INDENT

if TYPE_CHECKING:
    from .labels import Word
    from .level import Point

__all__ = ["bow", "circle", "gauge", "group", "head", "number", "path", "rect", "text", "words"]

ROUNDING = 6.0
BASELINES = {"name": 13.0}


def text(value: str) -> str:
    """A text on one line as XML takes it, in elements and in attributes."""
    return escape(printable(" ".join(value.split())), quote=True)


def number(value: float) -> str:
    """A number with at most one digit behind the point."""
    return (
        f"{value:.1f}".removesuffix(".0").replace("-0", "0") if abs(value) < 0.1 else f"{value:.1f}".removesuffix(".0")
    )


def group(classes: str, content: str, *, title: str = "", **data: str) -> str:
    """Elements that belong together, with what is shown when pointed at and the names of what is drawn."""
    named = "".join(f' data-{key}="{text(value)}"' for key, value in data.items())
    shown = f"<title>{text(title)}</title>" if title else ""
    return f'<g class="{classes}"{named}>{shown}{content}</g>'


def rect(x: float, y: float, width: float, height: float, rounding: float) -> str:
    """A rectangle with round corners."""
    place = f'x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(height)}"'
    return f'<rect {place} rx="{number(rounding)}"/>'


def circle(x: float, y: float, radius: float, classes: str = "") -> str:
    """A circle around a point."""
    named = f' class="{classes}"' if classes else ""
    return f'<circle{named} cx="{number(x)}" cy="{number(y)}" r="{number(radius)}"/>'


def words(lines: Sequence[Word], x: float, y: float, anchor: str = "start") -> str:
    """Lines of text below each other, from the top `y`; signs stand before those that have one."""
    found = []
    for line in lines:
        classes = f"{line.style}{' mid' if anchor == 'middle' else ''}{' gone' if line.gone else ''}"
        baseline = y + BASELINES.get(line.style, 10.5)
        left = x + INDENT if line.sign else x
        found.append(mark(line.sign, x + 5, baseline - 3.6) if line.sign.strip() else "")
        if line.text.strip():
            place = f'x="{number(left)}" y="{number(baseline)}"'
            found.append(f'<text class="{classes}" {place}>{text(line.text)}</text>')
        y += line.height
    return "".join(found)


def gauge(x: float, y: float, width: float, share: float) -> str:
    """A bar of which a share is filled."""
    filled = f'<path class="bar" d="M{_at((x, y))}h{number(width * share)}"/>' if share else ""
    return f'<g><path class="track" d="M{_at((x, y))}h{number(width)}"/>{filled}</g>'


def path(points: Sequence[Point], shorter: float = 5.0) -> str:
    """A line through the points with round corners, up to where the head of the arrow begins."""
    last = _towards(points[-1], points[-2], shorter)
    parts = [f"M{_at(points[0])}"]
    for before, corner, after in zip(points, points[1:], [*points[2:-1], last], strict=False):
        rounding = min(ROUNDING, _length(before, corner) / 2, _length(corner, after) / 2)
        start, end = _towards(corner, before, rounding), _towards(corner, after, rounding)
        parts.append(f"L{_at(start)}Q{_at(corner)} {_at(end)}")
    return f'<path d="{"".join(parts)}L{_at(last)}"/>'


def head(points: Sequence[Point]) -> str:
    """The head of an arrow at the last point."""
    x, y = points[-1]
    up = 7.5 if points[-2][1] <= y else -7.5
    return f'<path class="head" d="M{_at((x, y))}L{_at((x - 4, y - up))}L{_at((x + 4, y - up))}Z"/>'


def bow(x: float, y: float) -> str:
    """An arrow that leaves the right side of a box and comes back to it below."""
    line = f"M{_at((x, y - 8))}C{_at((x + 24, y - 12))} {_at((x + 24, y + 12))} {_at((x + 6, y + 8))}"
    tip = f"M{_at((x, y + 7))}L{_at((x + 8, y + 4.5))}L{_at((x + 6.5, y + 12))}Z"
    return f'<path d="{line}"/><path class="head" d="{tip}"/>'


def _at(point: Point) -> str:
    return f"{number(point[0])},{number(point[1])}"


def _length(one: Point, other: Point) -> float:
    return abs(one[0] - other[0]) + abs(one[1] - other[1])


def _towards(point: Point, other: Point, distance: float) -> Point:
    """The point so far from one towards another; they stand above or beside each other, or nearly."""
    length = _length(point, other)
    part = min(distance / length, 1.0) if length else 0.0
    return point[0] + (other[0] - point[0]) * part, point[1] + (other[1] - point[1]) * part
