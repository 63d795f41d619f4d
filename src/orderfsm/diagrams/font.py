"""Which characters a font file draws: what its table `cmap` says (OpenType; formats 4 and 12, which Unicode has)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

__all__ = ["covered"]


@lru_cache(maxsize=16)
def covered(path: Path) -> frozenset[int]:
    """The code points that the first font of a file draws. Raises OSError, ValueError for what is no font."""
    content = path.read_bytes()
    try:
        start = struct.unpack_from(">I", content, 12)[0] if content.startswith(b"ttcf") else 0
        table = _table(content, start)
        return frozenset(point for subtable in _subtables(content, table) for point in _points(content, subtable))
    except struct.error:
        raise ValueError(f"{path} is no font that can be read; give an OpenType file, .ttf or .otf") from None


def _table(content: bytes, start: int) -> int:
    """Where the `cmap` is."""
    (count,) = struct.unpack_from(">H", content, start + 4)
    for number in range(count):
        tag, _, offset, _ = struct.unpack_from(">4sIII", content, start + 12 + 16 * number)
        if tag == b"cmap":
            return int(offset)
    raise struct.error


def _subtables(content: bytes, table: int) -> Iterator[int]:
    (count,) = struct.unpack_from(">H", content, table + 2)
    for number in range(count):
        platform, _, offset = struct.unpack_from(">HHI", content, table + 4 + 8 * number)
        if platform in (0, 3):  # Unicode, Windows
            yield table + offset


def _points(content: bytes, at: int) -> Iterator[int]:
    (kind,) = struct.unpack_from(">H", content, at)
    if kind == 4:
        yield from _segments(content, at)
    elif kind == 12:
        (count,) = struct.unpack_from(">I", content, at + 12)
        for number in range(count):
            first, last, _ = struct.unpack_from(">III", content, at + 16 + 12 * number)
            yield from range(first, min(last, 0x10FFFF) + 1)


def _segments(content: bytes, at: int) -> Iterator[int]:
    """The segments of format 4: the last code points, then a pad, then the first ones."""
    count = struct.unpack_from(">H", content, at + 6)[0] // 2
    lasts = struct.unpack_from(f">{count}H", content, at + 14)
    firsts = struct.unpack_from(f">{count}H", content, at + 16 + 2 * count)
    for first, last in zip(firsts, lasts, strict=True):
        yield from range(first, last + (last < 0xFFFF))
