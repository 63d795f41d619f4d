"""The colours of a drawing, as a style sheet that reaches nothing but the drawing."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

__all__ = ["root", "style"]

Palette = Mapping[str, tuple[str, ...]]
"""What is coloured -> its colour, or what it is filled with and its outline."""

SHAPES = {
    "text": "font:11px system-ui,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;stroke:none",
    ".name": "font-size:13px;font-weight:600",
    ".unsure": "font-style:italic",
    ".detail": "font-size:10px",
    ".mid": "text-anchor:middle",
    "path": "fill:none;stroke-width:1.3;stroke-linejoin:round",
    ".sign *": "fill:none;stroke-width:1.6;stroke-linecap:round;stroke-linejoin:round",
    ".state rect,.orderfsm .history circle": "stroke-width:1.3",
    ".final rect+rect": "fill:none;stroke-width:1",
    ".parallel>rect": "stroke-dasharray:8 4",
    ".default path": "stroke-width:1",
    ".key rect": "stroke-width:1.2",
    ".key-happy path": "stroke-width:2.2",
    ".key-taken path,.orderfsm .key-active rect": "stroke-width:3.2",
    "g.unsure path,.orderfsm .key-unsure path": "stroke-dasharray:5 3.5",
    ".happy path": "stroke-width:2.2",
    ".taken path": "stroke-width:3.2",
    ".passed.atomic rect,.orderfsm .passed.final rect,.orderfsm .active rect": "stroke-width:2",
    ".active.atomic rect,.orderfsm .active.final rect": "stroke-width:3.6",
    ".arrow .head": "stroke:none",
}
"""What is the same in every light."""

NOTED = {
    "g.mark path,.orderfsm g.mark circle": "fill:none;stroke-width:1.5;stroke-linecap:round;stroke-dasharray:none",
    "g.mark-count path,.orderfsm g.mark-added path,.orderfsm g.mark-removed path": "stroke-width:2",
    ".told": "font-size:10px",
    ".gone": "text-decoration:line-through",
    ".bar,.orderfsm .track": "stroke-width:4;stroke-linecap:round",
    ".track": "stroke-opacity:0.22",
}
"""The same for what only a drawing with notes has."""

LIGHT: Palette = {
    "page": ("#ffffff",),
    "ink": ("#1d2733",),
    "soft": ("#4b5866",),
    "line": ("#66727f",),
    "happy": ("#1d4f80",),
    "taken": ("#b3470b",),
    "around": ("#f6f8fa", "#b9c3cd"),
    "plain": ("#f2f4f7", "#7b8794"),
    "open": ("#e8f1fb", "#3b6ea5"),
    "waiting": ("#fdf5d9", "#a8862a"),
    "suspended": ("#f9e6d2", "#b0702a"),
    "done": ("#e1f3e2", "#3f8a45"),
    "failed": ("#fbe3e1", "#b0433a"),
    "cancelled": ("#ececec", "#6f6f6f"),
}
DARK: Palette = {
    "page": ("#12171d",),
    "ink": ("#e6ebf0",),
    "soft": ("#b3bdc8",),
    "line": ("#8793a0",),
    "happy": ("#8cc0f5",),
    "taken": ("#ff9d5c",),
    "around": ("#1a2129", "#43505d"),
    "plain": ("#232b34", "#8b97a3"),
    "open": ("#16304a", "#6ba4de"),
    "waiting": ("#3a3112", "#d5b04a"),
    "suspended": ("#41290f", "#dd9a52"),
    "done": ("#14351a", "#63b96a"),
    "failed": ("#451c19", "#e5776d"),
    "cancelled": ("#2c2f33", "#a3a8ad"),
}
TONES_LIGHT: Palette = {
    "count": ("#4a3fa8",),
    "dwell": ("#4a3fa8",),
    "refused": ("#a8324a",),
    "covered": ("#2a7332",),
    "missed": ("#b3261e",),
    "survived": ("#b3261e",),
    "error": ("#b3261e",),
    "warning": ("#8a5a00",),
    "note": ("#3b5f86",),
    "added": ("#1f7a3a",),
    "removed": ("#b3261e",),
    "changed": ("#8a5a00",),
}
TONES_DARK: Palette = {
    "count": ("#b7adff",),
    "dwell": ("#b7adff",),
    "refused": ("#ff92a6",),
    "covered": ("#74d07c",),
    "missed": ("#ff8a80",),
    "survived": ("#ff8a80",),
    "error": ("#ff8a80",),
    "warning": ("#f0c05a",),
    "note": ("#9ac3f0",),
    "added": ("#74d07c",),
    "removed": ("#ff8a80",),
    "changed": ("#f0c05a",),
}
LINES = {
    "covered": "",
    "missed": "stroke-dasharray:1.5 4;",
    "changed": "stroke-width:2.2;",
    "added": "stroke-width:2.2;",
    "removed": "stroke-width:1.6;stroke-dasharray:2 4;",
}
"""Tones that show in lines and borders as well as in signs; the last one counts."""

CATEGORIES = ("plain", "open", "waiting", "suspended", "done", "failed", "cancelled")


def root(theme: str) -> str:
    """The class of a drawing: drawings of several themes may stand on one page, and each has its own colours."""
    return "orderfsm" if theme == "auto" else f"orderfsm-{theme}"


def style(theme: str, tones: Collection[str] = ()) -> str:
    """The style sheet: light, dark, or both with the choice left to the reader's screen; notes of these tones."""
    shapes = SHAPES | NOTED if tones else SHAPES
    rules = [f".orderfsm {selector}{{{declarations}}}" for selector, declarations in shapes.items()]
    light = [*_colours(LIGHT), *_tones(TONES_LIGHT, LIGHT, tones)]
    dark = [*_colours(DARK), *_tones(TONES_DARK, DARK, tones)]
    rules += dark if theme == "dark" else light
    if theme == "auto":
        rules.append(f"@media (prefers-color-scheme:dark){{{''.join(dark)}}}")
    return "".join(rules).replace(".orderfsm ", f".{root(theme)} ")


def _tones(palette: Palette, page: Palette, tones: Collection[str]) -> Iterator[str]:
    for tone, (colour,) in palette.items():
        if tone in tones:
            yield f".orderfsm g.mark-{tone} *{{stroke:{colour}}}"
    for tone, shape in LINES.items():
        if tone in tones:
            colour = palette[tone][0]
            drawn = ",".join(f".orderfsm g.{tone}>{element}" for element in ("path", "rect", "circle"))
            yield f"{drawn}{{{shape}stroke:{colour}}}.orderfsm g.{tone}>.head{{stroke:none;fill:{colour}}}"
    if "count" in tones:
        yield f".orderfsm .bar,.orderfsm .track{{stroke:{palette['count'][0]}}}"
    if tones:
        yield f".orderfsm .told{{fill:{page['ink'][0]}}}"


def _colours(palette: Palette) -> Iterator[str]:
    one = {name: colours[0] for name, colours in palette.items()}
    yield f".orderfsm .page{{fill:{one['page']}}}"
    yield f".orderfsm text{{fill:{one['soft']}}}.orderfsm .name,.orderfsm .event{{fill:{one['ink']}}}"
    yield f".orderfsm .start,.orderfsm .fork rect{{fill:{one['ink']}}}"
    fill, stroke = palette["around"]
    yield f".orderfsm .compound rect,.orderfsm .parallel rect,.orderfsm .history circle{{fill:{fill};stroke:{stroke}}}"
    for name in CATEGORIES:
        fill, stroke = palette[name]
        yield f".orderfsm .{name} rect{{fill:{fill};stroke:{stroke}}}.orderfsm .{name} .sign *{{stroke:{stroke}}}"
    for name in ("line", "happy", "taken"):
        yield f".orderfsm .key-{name} path{{stroke:{one[name]}}}"
    yield f".orderfsm .key-sure path,.orderfsm .key-unsure path{{stroke:{one['line']}}}"
    yield f".orderfsm .key-active rect{{fill:none;stroke:{one['taken']}}}"
    for classes, name in ((".arrow", "line"), (".happy", "happy"), (".taken", "taken")):
        yield f".orderfsm {classes} path{{stroke:{one[name]}}}.orderfsm {classes} .head{{fill:{one[name]}}}"
    marked = ".orderfsm .passed.atomic rect,.orderfsm .passed.final rect,.orderfsm .active rect"
    yield f"{marked}{{stroke:{one['taken']}}}"
