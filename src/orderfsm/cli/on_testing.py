"""The command on a team's own tests, with its arguments and options. Whatever it needs is imported when it runs."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from .answer import Answer, give
from .options import AsJson, Profile, WhichProfile

__all__ = ["WithPytest", "mutate"]


class WithPytest(TyperCommand):
    """A command whose arguments behind `--` are pytest's."""

    behind = ("[-- PYTEST ARGUMENT...]",)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Keep them apart from those of the command."""
        place = args.index("--") if "--" in args else len(args)
        ctx.meta["pytest"] = args[place + 1 :]
        rest: list[str] = super().parse_args(ctx, args[:place])
        return rest

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """The line of the help that says how it is called."""
        return [*super().collect_usage_pieces(ctx), *self.behind]


def mutate(
    context: typer.Context,
    charts: Annotated[
        list[str], typer.Argument(metavar="CHART", help="The charts that the tests read: names or YAML files.")
    ],
    *,
    kinds: Annotated[
        str | None,
        typer.Option(
            "--kinds",
            metavar="KIND,...",
            help="drop, retarget, add (arrows), loosen, tighten (guards), reason, codes, by, links, timers, effects; "
            "left out: all.",
        ),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Only the tests that ask what a mutant does otherwise.")
    ] = False,
    sample: Annotated[
        int | None, typer.Option("--sample", min=1, metavar="N", help="Try N mutants, evenly chosen.")
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", "-j", min=1, metavar="N", help="Mutants at once; left out: a processor each."),
    ] = None,
    fail_under: Annotated[
        float | None,
        typer.Option("--fail-under", min=0, max=100, metavar="PERCENT", help="Exit with 1 when fewer are noticed."),
    ] = None,
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="FILE", help="Draw the survivors on the chart: .svg.")
    ] = None,
    profile: WhichProfile = Profile.FULL,
    json: AsJson = False,
) -> None:
    """Try your tests on mutants.

    Changes charts in one place at a time and runs the pytest suite of the working directory on each of them. What no
    test notices is told, with a scenario that would notice it. Arguments behind `--` are pytest's.
    """

    def answer() -> Answer:
        from .mutate import Trial, mutate

        faced = "affected" if quick else "all"
        arguments = tuple(context.meta["pytest"])
        return mutate(Trial(charts, arguments, profile, kinds, jobs, faced, sample, fail_under, output))

    give(answer, as_json=json)
