"""A sign for each category, so that colour is never the only difference."""

from __future__ import annotations

from orderfsm.chart import Category

__all__ = ["glyph"]

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
