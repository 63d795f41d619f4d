"""The commands on charts, with their arguments and options. Whatever they need is imported when they run."""

from __future__ import annotations

from typing import Annotated

import typer

from .answer import Answer, Misused, give
from .options import AsJson, ChartName, Profile, Report, WhichProfile
from .rechecking import give_again

__all__ = ["charts", "check", "explain", "new", "schema", "show", "trace"]


def charts(*, profile: WhichProfile = Profile.FULL, json: AsJson = False) -> None:
    """List the charts of the catalogue.

    Name, version, title, how many states and arrows, and the content hash.
    """

    def answer() -> Answer:
        from .charts import charts

        return charts(profile)

    give(answer, as_json=json)


def show(chart: ChartName, *, profile: WhichProfile = Profile.FULL, json: AsJson = False) -> None:
    """Show what a chart says.

    Its states, its arrows with basis and source, and which events are allowed where.
    """

    def answer() -> Answer:
        from .charts import show

        return show(chart, profile)

    give(answer, as_json=json)


def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the chart is called: vocabulary/subject.")],
    *,
    items: Annotated[bool, typer.Option("--items", help="An order that follows its items: two charts.")] = False,
    minimal: Annotated[bool, typer.Option("--minimal", help="No explanations, and little besides states.")] = False,
    folder: Annotated[str, typer.Option("--folder", metavar="DIR", help="Where it is written.")] = ".",
    json: AsJson = False,
) -> None:
    """Begin a chart.

    Writes a sound chart that explains the format, with examples that are run, and the schema that editors read.
    """

    def answer() -> Answer:
        from .new import new

        if items and minimal:
            raise Misused("--items and --minimal are two beginnings; give one of them")
        return new(name, folder, "items" if items else "minimal" if minimal else "order")

    give(answer, as_json=json)


def schema(
    *,
    output: Annotated[str | None, typer.Option("--output", "-o", metavar="FILE", help="Write it into a file.")] = None,
    json: AsJson = False,
) -> None:
    """Print the JSON Schema of chart files."""

    def answer() -> Answer:
        from .charts import schema

        return schema(output)

    give(answer, as_json=json)


def check(
    charts: Annotated[
        list[str] | None, typer.Argument(metavar="CHART...", help="Names or YAML files; none: the whole catalogue.")
    ] = None,
    *,
    format: Annotated[
        Report, typer.Option("--format", metavar="text|json|sarif", help="Text, JSON or SARIF 2.1.0.")
    ] = Report.TEXT,
    watch: Annotated[
        bool,
        typer.Option("--watch", help="Check again whenever a file changes, until Ctrl-C; exits as the last check."),
    ] = False,
    profile: WhichProfile = Profile.FULL,
    json: AsJson = False,
) -> None:
    """Check charts.

    Findings come with their place, a shortest witness and a remedy. Exits with 1 when one of them is an error.
    """

    def answer() -> Answer:
        from .questions import check

        return check(charts or (), profile, format)

    as_json = json or format is Report.JSON
    if watch:
        give_again(charts or (), answer, as_json=as_json)
    give(answer, as_json=as_json)


def trace(
    chart: ChartName,
    codes: Annotated[list[str], typer.Argument(metavar="CODE...", help="Status codes, the first one first.")],
    *,
    profile: WhichProfile = Profile.FULL,
    json: AsJson = False,
) -> None:
    """Follow status codes.

    Prints a legal life that shows these codes one after the other, or the first code that no legal life shows.
    """

    def answer() -> Answer:
        from .questions import trace

        return trace(chart, profile, codes)

    give(answer, as_json=json)


def explain(
    chart: ChartName,
    configuration: Annotated[str, typer.Argument(help="Where the order is: a configuration, a state or a code.")],
    event: Annotated[str | None, typer.Argument(help="What is asked; left out: everything that is possible.")] = None,
    *,
    to: Annotated[str | None, typer.Option("--to", metavar="STATE", help="The shortest way there.")] = None,
    actor: Annotated[str | None, typer.Option("--actor", help="Who asks.")] = None,
    reason: Annotated[str | None, typer.Option("--reason", help="The reason's code.")] = None,
    link: Annotated[list[str] | None, typer.Option("--link", metavar="REL", help="A link that comes along.")] = None,
    payload: Annotated[str | None, typer.Option("--payload", metavar="JSON", help="The event's payload.")] = None,
    facts: Annotated[
        str | None, typer.Option("--facts", metavar="JSON", help="What guards read: order, items, history.")
    ] = None,
    now: Annotated[str | None, typer.Option("--now", metavar="TIMESTAMP", help="When it is asked.")] = None,
    profile: WhichProfile = Profile.FULL,
    json: AsJson = False,
) -> None:
    """Explain what may happen.

    What is enabled in a configuration and what it takes; why an event is refused; the shortest way to a wanted state.
    """

    def answer() -> Answer:
        from .questions import Asked, explain

        asked = Asked(event, actor, reason, tuple(link or ()), payload, facts, now)
        return explain(chart, profile, configuration, asked, to=to)

    give(answer, as_json=json)
