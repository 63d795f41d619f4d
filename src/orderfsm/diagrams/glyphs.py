"""A sign for each category and for each tone of notes, so that colour is never the only difference."""

from __future__ import annotations

from orderfsm.chart import Category

__all__ = ["glyph", "mark"]

SIGNS = {
    Category.OPEN: '<circle r="5"/>',
    Category.WAITING: '<circle r="5"/><path d="M0,-3V0L2.4,1.6"/>',
    Category.SUSPENDED: '<path d="M-2.5,-4.5V4.5M2.5,-4.5V4.5"/>',
    Category.DONE: '<path d="M-4.5,0.5L-1.5,3.8L4.8,-4"/>',
    Category.FAILED: '<path d="M-4,-4L4,4M4,-4L-4,4"/>',
    Category.CANCELLED: '<circle r="5"/><path d="M-3.4,3.4L3.4,-3.4"/>',
}


def glyph(category: Category, x: float, y: float) -> str:
    """The sign of a category around a point, about ten units wide."""
    return f'<g class="sign" transform="translate({x:.1f},{y:.1f})">{SIGNS[category]}</g>'


BOX = '<path d="M-4,-4H4V4H-4Z"/>'
MARKS = {
    "count": '<path d="M-4,4V0.5M0,4V-4M4,4V-1.5"/>',
    "dwell": '<path d="M-3.5,-4.5H3.5L-3.5,4.5H3.5Z"/>',
    "refused": '<path d="M-5,0H1.2M-1.6,-3L1.4,0L-1.6,3M4.2,-4.5V4.5"/>',
    "covered": BOX + '<path d="M-2,0L-0.6,1.8L2.2,-1.8"/>',
    "missed": BOX,
    "survived": '<path d="M-4.4,2A4.4,4.4 0 1 1 4.4,2H2.6V4.6H-2.6V2Z"/><path d="M-1.6,-0.6V-0.5M1.6,-0.6V-0.5"/>',
    "error": '<path d="M0,-5L5,0L0,5L-5,0Z"/><path d="M-1.5,-1.5L1.5,1.5M1.5,-1.5L-1.5,1.5"/>',
    "warning": '<path d="M0,-4.8L5,4H-5Z"/><path d="M0,-1.6V1M0,2.4V2.5"/>',
    "note": '<circle r="4.6"/><path d="M0,-0.6V2.2M0,-2.4V-2.3"/>',
    "added": '<path d="M-4.2,0H4.2M0,-4.2V4.2"/>',
    "removed": '<path d="M-4.2,0H4.2"/>',
    "changed": '<path d="M0,-4.2L4.4,3.8H-4.4Z"/>',
}


def mark(tone: str, x: float, y: float) -> str:
    """The sign of a tone around a point, about ten units wide."""
    return f'<g class="mark mark-{tone}" transform="translate({x:.1f},{y:.1f})">{MARKS[tone]}</g>'
