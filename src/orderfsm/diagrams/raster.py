"""PNG: the SVG as pixels, by resvg, with fonts that come along, so that every machine draws the same."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from html import unescape
from pathlib import Path

from .font import covered

__all__ = ["SCALES", "png"]

SCALES = (1, 2, 3, 4)
"""How many pixels a unit of the SVG may have."""

FONTS = tuple(sorted((Path(__file__).parent / "fonts").glob("*.ttf")))
FAMILY = "DejaVu Sans"
UNSEEN = re.compile(r"<(style|title|desc)\b.*?</\1>|<[^>]*>", re.DOTALL)
"""What of an SVG is no visible text."""


def png(svg: str, *, scale: int = 2, fonts: Sequence[str | os.PathLike[str]] = ()) -> bytes:
    """A drawing of ours as PNG; the same bytes for the same drawing, fonts and resvg.

    `scale` is how many pixels a unit has. No font of the system is asked: text is in DejaVu Sans (Latin, Greek,
    Cyrillic, mathematical signs), other characters in the font files that are given. Raises ValueError for another
    scale and for characters that no font draws, ModuleNotFoundError without resvg-py, which the extra `png` installs.
    """
    if scale not in SCALES:
        raise ValueError(f"there is no scale {scale!r}; choose one of {', '.join(map(str, SCALES))}")
    render, files = _renderer(), (*FONTS, *map(Path, fonts))
    _verify(svg, files)
    return render(
        svg_string=svg,
        zoom=scale,
        skip_system_fonts=True,
        font_files=list(map(str, files)),
        font_family=FAMILY,
        sans_serif_family=FAMILY,
    )


def _renderer() -> Callable[..., bytes]:
    try:
        from resvg_py import svg_to_bytes
    except ModuleNotFoundError as missing:
        raise ModuleNotFoundError(
            'a PNG needs resvg-py; type: pip install "orderfsm[png]"', name=missing.name
        ) from None
    return svg_to_bytes


def _verify(svg: str, files: Sequence[Path]) -> None:
    """A character that no font has would be missing in the picture, without a word."""
    known = frozenset().union(*map(covered, files))
    missing = sorted({sign for sign in unescape(UNSEEN.sub("", svg)) if sign != "\n" and ord(sign) not in known})
    if missing:
        shown = " ".join(missing[:20])
        raise ValueError(f"no font here draws {shown}; give a font file that does (--font FILE), or draw it as svg")
