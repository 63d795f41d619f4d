"""PNG: the same bytes everywhere, every letter visible, no font of the system asked."""

import struct
import subprocess
import sys
import zlib
from collections import Counter
from html import unescape
from pathlib import Path

import pytest

import orderfsm
from orderfsm import catalogue
from orderfsm.chart import Chart, State
from orderfsm.diagrams import png, render
from orderfsm.diagrams.font import covered
from orderfsm.diagrams.raster import FONTS, UNSEEN

SMALL = Chart("x/y", (State("a"),), initial=("a",))


def pixels(content: bytes) -> tuple[int, int, Counter[bytes]]:
    """Width, height, and how often each colour occurs; for the PNGs that resvg writes: RGBA without interlace."""
    width, height, depth, kind, *rest = struct.unpack_from(">IIBBBBB", content, 16)
    assert (depth, kind, rest) == (8, 6, [0, 0, 0])
    data, place = b"", 8
    while place < len(content):
        length, name = struct.unpack_from(">I4s", content, place)
        data += content[place + 8 : place + 8 + length] if name == b"IDAT" else b""
        place += 12 + length
    return width, height, Counter(unfiltered(zlib.decompress(data), width * 4))


def unfiltered(data: bytes, row: int) -> list[bytes]:
    """The pixels behind the filters of PNG (none, sub, up, average, Paeth)."""
    found, above = [], bytes(row)
    for start in range(0, len(data), row + 1):
        kind, line = data[start], bytearray(data[start + 1 : start + 1 + row])
        for at in range(row):
            left, up = line[at - 4] if at >= 4 else 0, above[at]
            corner = above[at - 4] if at >= 4 else 0
            line[at] = (line[at] + (0, left, up, (left + up) // 2, paeth(left, up, corner))[kind]) % 256
        found += [bytes(line[at : at + 4]) for at in range(0, row, 4)]
        above = bytes(line)
    return found


def paeth(left: int, up: int, corner: int) -> int:
    guess = left + up - corner
    return min((left, up, corner), key=lambda value: abs(guess - value))


def colour(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("#")) + b"\xff"


@pytest.mark.parametrize(("theme", "page"), [("auto", "#ffffff"), ("light", "#ffffff"), ("dark", "#12171d")])
def test_a_picture_has_the_colours_of_its_theme(theme: str, page: str) -> None:
    width, height, colours = pixels(png(render(SMALL, "svg", theme=theme), scale=1))
    assert colours.most_common(1)[0][0] == colour(page)
    assert sum(colours.values()) == width * height


def test_the_scale_is_how_many_pixels_a_unit_has() -> None:
    svg = render(SMALL, "svg")
    sizes = [struct.unpack_from(">II", png(svg, scale=scale), 16) for scale in (1, 2)]
    assert sizes[1] == tuple(2 * side for side in sizes[0])
    with pytest.raises(ValueError, match=r"there is no scale 9; choose one of 1, 2, 3, 4"):
        png(svg, scale=9)


@pytest.mark.parametrize(("face", "classes"), [("regular", "detail"), ("bold", "name"), ("italic", "unsure")])
def test_letters_are_drawn_with_the_fonts_that_come_along(face: str, classes: str) -> None:
    with_text, without = (
        pixels(png(f'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20">{inside}</svg>', scale=1))[2]
        for inside in (f'<text class="{classes}" y="15" style="{STYLES[face]}">mmm</text>', "")
    )
    assert len(without) == 1
    assert with_text[bytes(4)] < without[bytes(4)] - 60


STYLES = {
    "regular": "font:13px sans-serif",
    "bold": "font:600 13px system-ui,sans-serif",
    "italic": "font:italic 13px Arial,sans-serif",
}


def test_every_face_draws_the_letters_of_europe() -> None:
    assert len(FONTS) == 3
    for path in FONTS:
        assert {ord(sign) for sign in "aZ09äßçøŁžőβΩжЯ€…·→≤≥≠∞✓ \u00a0\u2014"} <= covered(path)


def test_a_character_that_no_font_draws_is_named() -> None:
    chart = Chart("x/y", (State("a", code="注文"),), initial=("a",))
    with pytest.raises(ValueError, match=r"no font here draws 文 注; give a font file that does \(--font FILE\)"):
        png(render(chart, "svg"))


def test_what_only_readers_hear_needs_no_font() -> None:
    assert png(render(Chart("x/y", (State("a", description="注文"),), initial=("a",), title="注文"), "svg"))


def test_a_font_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "no.ttf"
    for content in (b"", b"nothing", b"\0\1\0\0" + bytes(40)):
        path.write_bytes(content)
        covered.cache_clear()
        with pytest.raises(ValueError, match="is no font that can be read"):
            png(render(SMALL, "svg"), fonts=[path])


def test_the_bytes_depend_on_the_drawing_alone() -> None:
    script = (
        "import hashlib, orderfsm; from orderfsm.diagrams import png, render;"
        "print(hashlib.sha256(png(render(orderfsm.load('adobe/item'), 'svg'))).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={"PYTHONHASHSEED": seed, "HOME": "/nonexistent", "FONTCONFIG_FILE": "/nonexistent"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(ModuleNotFoundError, match=r'a PNG needs resvg-py; type: pip install "orderfsm\[png\]"'):
        png(render(SMALL, "svg"))


@pytest.mark.parametrize("name", catalogue.names())
def test_every_character_of_the_shipped_charts_is_drawn(name: str) -> None:
    shown = unescape(UNSEEN.sub("", render(orderfsm.load(name), "svg")))
    known = frozenset.intersection(*map(covered, FONTS))
    assert {sign for sign in shown if ord(sign) not in known} <= {"\n"}
