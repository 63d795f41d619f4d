"""The colours of a drawing, as a style sheet that reaches nothing but the drawing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

__all__ = ["style"]

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
CATEGORIES = ("plain", "open", "waiting", "suspended", "done", "failed", "cancelled")


def style(theme: str) -> str:
    """The style sheet: light, dark, or both with the choice left to the reader's screen."""
    rules = [f".orderfsm {selector}{{{declarations}}}" for selector, declarations in SHAPES.items()]
    rules += _colours(DARK if theme == "dark" else LIGHT)
    dark = "".join(_colours(DARK))
    if theme == "auto":
        rules.append(f"@media (prefers-color-scheme:dark){{{dark}}}")
    return "".join(rules)


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
