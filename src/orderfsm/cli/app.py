"""The commands with their arguments and options. Whatever they need is imported when they run."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from orderfsm._version import __version__

from .answer import Answer, give

__all__ = ["app", "command"]


class Profile(StrEnum):
    """Which arrows count."""

    STRICT = "strict"
    FULL = "full"


class Report(StrEnum):
    """How findings are told."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"


class Drawing(StrEnum):
    """What a chart is drawn as."""

    MERMAID = "mermaid"
    TABLE = "table"


class Repeats(StrEnum):
    """What a code after the same code is."""

    FOLD = "fold"
    STEP = "step"


class Dead(StrEnum):
    """What a dead letter does to the messages behind it."""

    HOLD = "hold"
    GO_ON = "pass"


class Allow(StrEnum):
    """What webhooks may be allowed."""

    HTTP = "http"
    PRIVATE = "private"


app = typer.Typer(
    help="Order status vocabularies as state charts: look at them, check them, ask them.",
    epilog="Exit codes: 0 fine, 1 findings or refused, 2 wrong usage.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

ChartName = Annotated[
    str, typer.Argument(metavar="CHART", help="A name of the catalogue (see `charts`) or a YAML file.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
WhichProfile = Annotated[
    Profile,
    typer.Option(
        "--profile",
        metavar="strict|full",
        help="strict: stated and documented arrows only; full: the inferred ones too.",
    ),
]


def _version(wanted: bool) -> None:  # noqa: FBT001 - a callback of Typer
    if wanted:
        sys.stdout.write(f"orderfsm {__version__}\n")
        raise typer.Exit


@app.callback()
def _root(
    *,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None:
    pass


@app.command()
def charts(*, profile: WhichProfile = Profile.FULL, json: AsJson = False) -> None:
    """List the charts of the catalogue.

    Name, version, title, how many states and arrows, and the content hash.
    """

    def answer() -> Answer:
        from .charts import charts

        return charts(profile)

    give(answer, as_json=json)


@app.command()
def show(chart: ChartName, *, profile: WhichProfile = Profile.FULL, json: AsJson = False) -> None:
    """Show what a chart says.

    Its states, its arrows with basis and source, and which events are allowed where.
    """

    def answer() -> Answer:
        from .charts import show

        return show(chart, profile)

    give(answer, as_json=json)


@app.command()
def draw(
    chart: ChartName,
    *,
    format: Annotated[
        Drawing, typer.Option("--format", metavar="mermaid|table", help="Mermaid, or tables in Markdown.")
    ] = Drawing.MERMAID,
    at: Annotated[str | None, typer.Option("--at", metavar="CONFIGURATION", help="Highlight it.")] = None,
    plain: Annotated[bool, typer.Option("--plain", help="Events only: no guards, timers and basis.")] = False,
    profile: WhichProfile = Profile.FULL,
    json: AsJson = False,
) -> None:
    """Draw a chart as a diagram or as tables."""

    def answer() -> Answer:
        from .charts import draw

        return draw(chart, profile, format, at=at, detail="plain" if plain else "full")

    give(answer, as_json=json)


@app.command()
def schema(*, json: AsJson = False) -> None:
    """Print the JSON Schema of chart files."""

    def answer() -> Answer:
        from .charts import schema

        return schema()

    give(answer, as_json=json)


@app.command()
def check(
    charts: Annotated[
        list[str] | None, typer.Argument(metavar="CHART...", help="Names or YAML files; none: the whole catalogue.")
    ] = None,
    *,
    format: Annotated[
        Report, typer.Option("--format", metavar="text|json|sarif", help="Text, JSON or SARIF 2.1.0.")
    ] = Report.TEXT,
    profile: WhichProfile = Profile.FULL,
    json: AsJson = False,
) -> None:
    """Check charts.

    Findings come with their place, a shortest witness and a remedy. Exits with 1 when one of them is an error.
    """

    def answer() -> Answer:
        from .questions import check

        return check(charts or (), profile, format)

    give(answer, as_json=json or format is Report.JSON)


@app.command()
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


@app.command()
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


@app.command()
def conform(
    log: Annotated[Path, typer.Argument(help="An event log: .xes or .csv, either also with .gz.")],
    *,
    chart: Annotated[str, typer.Option("--chart", help="A name of the catalogue or a YAML file.")],
    status: Annotated[
        list[str] | None,
        typer.Option("--status", metavar="NAME", help="A part of the code; several join with `/`."),
    ] = None,
    case: Annotated[
        str, typer.Option("--case", help="The column of a CSV that tells the orders apart.")
    ] = "case:concept:name",
    repeats: Annotated[
        Repeats, typer.Option("--repeats", metavar="fold|step", help="A code twice in a row: once, or a step.")
    ] = Repeats.FOLD,
    most: Annotated[int, typer.Option("--most", min=0, help="How many broken pairs are told.")] = 10,
    profile: WhichProfile = Profile.FULL,
    json: AsJson = False,
) -> None:
    """Hold an event log against a chart.

    How many of its histories are legal, and which pairs of codes break the others. Exits with 1 when some are not.
    """

    def answer() -> Answer:
        from .records import conform

        return conform(log, chart, profile, status=tuple(status or ()), case=case, repeats=repeats, most=most)

    give(answer, as_json=json)


@app.command()
def history(
    order: Annotated[
        str, typer.Argument(metavar="ORDER", help="The id or the reference of an order in the ready-made tables.")
    ],
    *,
    database: Annotated[str, typer.Option("--database", metavar="URL", help="A SQLAlchemy URL.")],
    json: AsJson = False,
) -> None:
    """Print the history of a stored order.

    Where it is now, and every status that it had, with time, reason and links.
    """

    def answer() -> Answer:
        from .records import history

        return history(database, order)

    give(answer, as_json=json)


@app.command()
def seal(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file of seals; not in the database's reach.")],
    *,
    database: Annotated[str, typer.Option("--database", metavar="URL", help="A SQLAlchemy URL.")],
    verify: Annotated[bool, typer.Option("--verify", help="Write nothing; say what is not as it was sealed.")] = False,
    head: Annotated[str | None, typer.Option("--head", help="With --verify: what the file is known to end in.")] = None,
    json: AsJson = False,
) -> None:
    """Seal the stored histories, or verify the seals.

    Whoever changes, removes or rewrites an entry later is found out. Exits with 1 when something was.
    """

    def answer() -> Answer:
        from .seals import seal

        return seal(database, file, head, verifying=verify)

    give(answer, as_json=json)


@app.command()
def ready(
    *,
    database: Annotated[str, typer.Option("--database", metavar="URL", help="A SQLAlchemy URL.")],
    chart: Annotated[
        list[str] | None, typer.Option("--chart", metavar="NAME", help="A chart that will be used; may be repeated.")
    ] = None,
    profile: WhichProfile = Profile.FULL,
    json: AsJson = False,
) -> None:
    """Ask whether a database is ready.

    Its settings, the ready-made tables and their indexes, and orders that stand where the chart has no configuration.
    Exits with 1 when something has to be changed.
    """

    def answer() -> Answer:
        from .readiness import ready

        return ready(database, tuple(chart or ()), profile)

    give(answer, as_json=json)


@app.command()
def sweep(
    *,
    database: Annotated[str, typer.Option("--database", metavar="URL", help="A SQLAlchemy URL.")],
    chart: Annotated[
        str | None, typer.Option("--chart", metavar="NAME", help="The chart of the orders in the ready-made tables.")
    ] = None,
    lifecycle: Annotated[
        str | None,
        typer.Option("--lifecycle", metavar="MODULE:ATTRIBUTE", help="For tables of your own: a Lifecycle of yours."),
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Go on until SIGTERM or SIGINT; a line per timer.")] = False,
    every: Annotated[
        str, typer.Option("--every", metavar="TIME", help="With --watch: the wait when nothing is due.")
    ] = "1s",
    batch: Annotated[
        int | None, typer.Option("--batch", metavar="N", min=1, help="How many at most; with --watch, at a stretch.")
    ] = None,
    actor: Annotated[str, typer.Option("--actor", help="Who sends.")] = "system",
    profile: WhichProfile = Profile.FULL,
    json: AsJson = False,
) -> None:
    """Send the events that timers have made due.

    Each in a transaction of its own. Exits with 1 when one was refused, dropped or failed.
    """

    def answer() -> Answer:
        from .sweeping import Sweeping
        from .sweeping import sweep as run

        asked = Sweeping(database, chart, profile, lifecycle, actor, batch)
        return run(asked, every=every if watch else None, as_json=json)

    give(answer, as_json=json)


@app.command()
def relay(
    *,
    database: Annotated[str, typer.Option("--database", metavar="URL", help="A SQLAlchemy URL.")],
    to: Annotated[
        Path | None, typer.Option("--to", metavar="FILE", help="Append the messages to a file, a line of JSON each.")
    ] = None,
    webhook: Annotated[str | None, typer.Option("--webhook", metavar="URL", help="Post them to a server.")] = None,
    secret_file: Annotated[
        Path | None,
        typer.Option("--secret-file", metavar="FILE", help="What signs webhooks: whsec_ and Base64, one per line."),
    ] = None,
    allow: Annotated[
        list[Allow] | None,
        typer.Option("--allow", metavar="http|private", help="Webhooks without TLS, or to addresses of a local net."),
    ] = None,
    source: Annotated[
        str | None, typer.Option("--source", metavar="URI", help="The events' source; left out: the chart's name.")
    ] = None,
    chart: Annotated[str | None, typer.Option("--chart", metavar="NAME", help="Only the orders of this chart.")] = None,
    lifecycle: Annotated[
        str | None,
        typer.Option("--lifecycle", metavar="MODULE:ATTRIBUTE", help="For tables of your own: a Lifecycle of yours."),
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Go on until SIGTERM or SIGINT; a line per message.")] = False,
    every: Annotated[
        str, typer.Option("--every", metavar="TIME", help="With --watch: the wait when nothing is due.")
    ] = "1s",
    lease: Annotated[
        str, typer.Option("--lease", metavar="TIME", help="How long an order is this relay's; after a crash it waits.")
    ] = "60s",
    attempts: Annotated[int, typer.Option("--attempts", min=1, help="After so many it is a dead letter.")] = 20,
    dead: Annotated[
        Dead, typer.Option("--dead", metavar="hold|pass", help="The rest of a dead letter's order: waits, or goes on.")
    ] = Dead.HOLD,
    concurrency: Annotated[int, typer.Option("--concurrency", min=1, help="How many orders at a time.")] = 1,
    json: AsJson = False,
) -> None:
    """Deliver what orders have emitted, as CloudEvents.

    At least once, each order's messages in their order. Exits with 1 when one was not taken.
    """

    def answer() -> Answer:
        from .outbox import Receiving, Relaying
        from .outbox import relay as run

        receiving = Receiving(to, webhook, secret_file, source, tuple(allow or ()))
        asked = Relaying(database, chart, lifecycle, lease, attempts, dead.value, concurrency)
        return run(asked, receiving, every=every if watch else None, as_json=json)

    give(answer, as_json=json)


@app.command()
def outbox(
    *,
    database: Annotated[str, typer.Option("--database", metavar="URL", help="A SQLAlchemy URL.")],
    lifecycle: Annotated[
        str | None,
        typer.Option("--lifecycle", metavar="MODULE:ATTRIBUTE", help="For tables of your own: a Lifecycle of yours."),
    ] = None,
    most: Annotated[int, typer.Option("--most", min=0, max=1_000_000, help="How many of each kind are listed.")] = 100,
    revive: Annotated[
        list[str] | None, typer.Option("--revive", metavar="ID", help="Let relays try a dead letter again.")
    ] = None,
    dismiss: Annotated[
        list[str] | None, typer.Option("--dismiss", metavar="ID", help="Let a dead letter be; its order goes on.")
    ] = None,
    json: AsJson = False,
) -> None:
    """List what waits to be delivered and what is dead."""

    def answer() -> Answer:
        from .outbox import outbox

        return outbox(database, lifecycle, most=most, revive=tuple(revive or ()), dismiss=tuple(dismiss or ()))

    give(answer, as_json=json)


@app.command()
def demo(
    *,
    database: Annotated[
        str | None,
        typer.Option("--database", metavar="URL", help="Where to; left out: an SQLite that is removed."),
    ] = None,
    logs: Annotated[Path | None, typer.Option("--logs", help="The folder of real event logs.")] = None,
    json: AsJson = False,
) -> None:
    """See the five vocabularies at work.

    Lives, refusals with their explanations, histories; then a real event log, when there is one.
    """

    def answer() -> Answer:
        from .records import demo

        return demo(database, logs)

    give(answer, as_json=json)


def command() -> Any:
    """The commands as a group of the library below Typer: `commands` by name, each with `help` and `params`."""
    return typer.main.get_command(app)
