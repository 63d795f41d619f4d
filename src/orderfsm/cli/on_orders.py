"""The commands on orders: those of a database, an event log or the demo. What they need is imported when they run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .answer import Answer, give
from .options import Allow, AsJson, Dead, Profile, Repeats, WhichProfile

__all__ = ["conform", "demo", "history", "outbox", "ready", "relay", "seal", "sweep"]


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


def history(
    order: Annotated[
        str, typer.Argument(metavar="ORDER", help="Its key, or the reference of an order in the ready-made tables.")
    ],
    *,
    database: Annotated[str, typer.Option("--database", metavar="URL", help="A SQLAlchemy URL.")],
    lifecycle: Annotated[
        str | None,
        typer.Option("--lifecycle", metavar="MODULE:ATTRIBUTE", help="For tables of your own: a Lifecycle of yours."),
    ] = None,
    json: AsJson = False,
) -> None:
    """Print the history of a stored order.

    Where it is now, and every status that it had, with time, reason and links.
    """

    def answer() -> Answer:
        from .records import history

        return history(database, order, lifecycle)

    give(answer, as_json=json)


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
