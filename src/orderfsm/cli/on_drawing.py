"""The command that draws, with its arguments and options. Whatever it needs is imported when it runs."""

from __future__ import annotations

from typing import Annotated

import typer

from .answer import Answer, give
from .options import AsJson, Detail, Drawing, Profile, Theme, WhichProfile

__all__ = ["draw"]


def draw(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="CHART", help="A name of the catalogue or a YAML file; with --check and --write: files and folders."
        ),
    ],
    *,
    format: Annotated[
        Drawing | None,
        typer.Option(
            "--format",
            metavar="mermaid|svg|png|dot|plantuml|d2|table|text",
            help="What it is drawn as; left out: what the name of the output ends in, else Mermaid.",
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Where it is written: .mmd .svg .png .dot .puml .d2 .md .txt."
        ),
    ] = None,
    detail: Annotated[
        Detail | None,
        typer.Option(
            "--detail",
            metavar="full|plain|codes",
            help="full, the default; plain: no guards, timers and basis; codes: what customers see.",
        ),
    ] = None,
    plain: Annotated[bool, typer.Option("--plain", help="Short for --detail plain.")] = False,
    theme: Annotated[
        Theme,
        typer.Option(
            "--theme", metavar="auto|light|dark", help="Colours of SVG and PNG; auto: as the reader's screen."
        ),
    ] = Theme.AUTO,
    at: Annotated[str | None, typer.Option("--at", metavar="CONFIGURATION", help="Highlight it.")] = None,
    scale: Annotated[
        int | None, typer.Option("--scale", metavar="1|2|3|4", help="Pixels of a PNG to a unit; left out: 2.")
    ] = None,
    font: Annotated[
        list[str] | None,
        typer.Option("--font", metavar="FILE", help="A font for a PNG, for other letters than those of Europe."),
    ] = None,
    order: Annotated[
        str | None, typer.Option("--order", metavar="ID", help="Where an order is, and its way; its id or reference.")
    ] = None,
    counts: Annotated[bool, typer.Option("--counts", help="How many orders are in each state now.")] = False,
    dwell: Annotated[bool, typer.Option("--dwell", help="How long orders stay in each state: p50 and p95.")] = False,
    database: Annotated[
        str | None,
        typer.Option("--database", metavar="URL", help="Where the orders are: sqlite:///..., postgresql://..."),
    ] = None,
    lifecycle: Annotated[
        str | None,
        typer.Option("--lifecycle", metavar="MODULE:ATTRIBUTE", help="For tables of your own: a Lifecycle of yours."),
    ] = None,
    refusals: Annotated[
        str | None, typer.Option("--refusals", metavar="FILE", help="What was refused: lines of JSON.")
    ] = None,
    coverage: Annotated[
        list[str] | None,
        typer.Option("--coverage", metavar="FILE", help="What tests have taken: JSON."),
    ] = None,
    findings: Annotated[bool, typer.Option("--findings", help="What `check` finds.")] = False,
    against: Annotated[
        str | None, typer.Option("--against", metavar="CHART", help="What has changed since another chart.")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Tell which drawings in the files are stale.")] = False,
    write: Annotated[bool, typer.Option("--write", help="Draw those anew that are stale.")] = False,
    profile: WhichProfile = Profile.FULL,
    json: AsJson = False,
) -> None:
    """Draw a chart as a diagram or as tables.

    What is known may be drawn upon it: the way of one order, how many orders are where and how long they stay, what was
    refused, what tests have taken, what is wrong, what has changed.

    A drawing that --output has written says in its last line, or inside the PNG, how it was made; a page holds drawings
    between two comments. --check exits with 1 when one of them is not what would be drawn now, --write draws it anew.
    """

    def answer() -> Answer:
        from .drawing import Wanted, draw, only
        from .evidence import Evidence
        from .keeping import keep

        stored = (database, lifecycle, order, counts, dwell)
        known = Evidence(*stored, refusals, tuple(coverage or ()), findings, against)
        wanted = Wanted(format, output, detail, plain, theme, at, scale, tuple(font or ()), known)
        if check or write:
            return keep(names, wanted, check=check, write=write)
        return draw(only(names), profile, wanted)

    give(answer, as_json=json)
