"""The mark of a PNG: a text chunk with its recipe and a digest of the SVG that it was made of."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from orderfsm.diagrams import png

from .recipe import Recipe, draw

__all__ = ["Mark", "digest", "is_png", "mark_in", "picture", "signed", "source"]

SIGNATURE = b"\x89PNG\r\n\x1a\n"
KEYWORD = b"orderfsm\0"
MARK = re.compile(r"drawn by orderfsm: (?P<recipe>[^\n]*)\n(?P<digest>[0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Mark:
    """How a PNG was made: its recipe as it is written, and the digest of its SVG."""

    recipe: str
    digest: str


def is_png(content: bytes) -> bool:
    """Whether this is a PNG."""
    return content.startswith(SIGNATURE)


def source(recipe: Recipe, folder: Path, root: Path) -> str:
    """The SVG that a PNG is made of."""
    return draw(replace(recipe, format="svg"), folder, root)


def digest(svg: str) -> str:
    """What tells one SVG from another."""
    return sha256(svg.encode()).hexdigest()


def picture(recipe: Recipe, svg: str) -> bytes:
    """The PNG of a recipe, with its mark. Raises ModuleNotFoundError without the extra `png`."""
    return signed(png(svg, scale=int(recipe.scale)), recipe, svg)


def signed(content: bytes, recipe: Recipe, svg: str) -> bytes:
    """A PNG with its mark, behind the header."""
    text = KEYWORD + f"drawn by orderfsm: {recipe}\n{digest(svg)}".encode("ascii")
    header = len(SIGNATURE) + 12 + 13
    return content[:header] + _chunk(b"tEXt", text) + content[header:]


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def mark_in(content: bytes) -> Mark | None:
    """How a PNG says that it was made, if it does."""
    texts = (data for kind, data in _chunks(content) if kind == b"tEXt" and data.startswith(KEYWORD))
    found = MARK.fullmatch(next(texts, b"").removeprefix(KEYWORD).decode("latin-1"))
    return Mark(found["recipe"], found["digest"]) if found else None


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The kinds and the data of the chunks, as far as they are whole."""
    place = len(SIGNATURE)
    while place + 12 <= len(content):
        (length,) = struct.unpack_from(">I", content, place)
        yield content[place + 4 : place + 8], content[place + 8 : place + 8 + length]
        place += length + 12
