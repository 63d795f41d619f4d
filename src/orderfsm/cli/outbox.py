"""Answers about the outbox: delivering what waits, once or on and on; what waits and what is dead."""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from orderfsm.printable import printable

from .answer import Answer, Grid, Heading, Misused
from .charts import open_chart
from .database import told, writing
from .watching import named, span, told_to_stop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from orderfsm.lifecycle import Lifecycle
    from orderfsm.outbox import Delivery, Letter, Message, Policy, Relay
    from orderfsm.sqlmodel import SqlStore

    from .answer import Block

__all__ = ["Receiving", "Relaying", "outbox", "relay"]

OUTCOMES = ("delivered", "retried", "dead", "lost")


@dataclass(frozen=True, slots=True)
class Receiving:
    """Who gets the messages: a file, or a webhook with its secrets."""

    to: Path | None
    webhook: str | None
    secret_file: Path | None
    source: str | None
    allow: tuple[str, ...]

    def deliver(self) -> Callable[[Message], None]:
        """What a relay delivers to; raises Misused unless exactly one receiver is named."""
        from orderfsm.outbox.cloudevents import Envelope
        from orderfsm.outbox.lines import Lines

        if (self.to is None) is (self.webhook is None):
            raise Misused("say either --to FILE or --webhook URL")
        envelope = Envelope(source=self.source)
        return Lines(self.to, envelope=envelope) if self.to is not None else self._posting(envelope)

    def _posting(self, envelope: Callable[[Message], dict[str, Any]]) -> Callable[[Message], None]:
        from orderfsm.outbox.webhook import Webhook

        if self.secret_file is None:
            raise Misused("--webhook needs --secret-file FILE: a secret per line, whsec_ and Base64; each signs")
        try:
            lines = self.secret_file.read_text(encoding="utf-8").split()
        except UnicodeDecodeError:
            raise Misused(f"--secret-file: {self.secret_file} is no text; write a secret per line") from None
        try:
            return Webhook(self.webhook or "", lines, envelope=envelope, allow=self.allow)
        except ValueError as error:
            raise Misused(f"--webhook, --secret-file: {error}") from None


@dataclass(frozen=True, slots=True)
class Relaying:
    """Whose messages, and how: the ready-made outbox (one chart's orders, or all), or a lifecycle's."""

    database: str
    chart: str | None
    lifecycle: str | None
    lease: str
    attempts: int
    dead: Literal["hold", "pass"]
    concurrency: int

    def policy(self) -> Policy:
        """What the relay goes by."""
        from orderfsm.outbox import Policy

        chart = None if self.chart is None else open_chart(self.chart, "full").name
        lease = span(self.lease, "--lease")
        return Policy(attempts=self.attempts, dead=self.dead, lease=lease, chart=chart)


def relay(asked: Relaying, receiving: Receiving, *, every: str | None, as_json: bool) -> Answer:
    """Deliver what can be delivered now, and say of each message what became of it; 1 when something was not taken.

    With `every`, on and on until a signal comes, with a line for each; then the answer is only how many there were.
    """
    from orderfsm.outbox import Relay

    orders, deliver, policy = _orders(asked.lifecycle), receiving.deliver(), asked.policy()
    poll = None if every is None else span(every).total_seconds()
    engine = writing(asked.database)
    with told(engine):
        going = Relay(engine, orders, deliver, policy=policy, concurrency=asked.concurrency)
        with told_to_stop(going.stop):
            if poll is None:
                return _answer(list(_drained(going)))
            return _watched(going, poll, as_json=as_json)


def _orders(lifecycle: str | None) -> SqlStore | Lifecycle:
    if lifecycle is not None:
        return named(lifecycle)
    from orderfsm.sqlmodel import Order, OrderHistory, SqlStore

    return SqlStore(Order, OrderHistory)


def _drained(going: Relay) -> Iterator[Delivery]:
    """Rounds until nothing can be delivered any more for now."""
    while not going.stopped:
        report = going.once()
        yield from report.deliveries
        if report.complete and not report.deliveries:
            return


def _watched(going: Relay, poll: float, *, as_json: bool) -> Answer:
    counts: Counter[str] = Counter()
    for report in going.watch(poll=poll):
        counts.update(each.outcome for each in report.deliveries)
        for each in report.deliveries:
            told = each.as_dict()
            line = json.dumps(told) if as_json else "  ".join(printable(part) for part in _row(told) if part)
            sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    return Answer(_counts(counts), [_sum(counts)])


def _answer(deliveries: Sequence[Delivery]) -> Answer:
    told = [each.as_dict() for each in deliveries]
    counts = Counter(each.outcome for each in deliveries)
    blocks = [Grid(("message", "action", "attempt", "outcome", "why"), [_row(each) for each in told])] if told else []
    code = int(counts.total() > counts["delivered"])
    return Answer({"messages": told, **_counts(counts)}, [*blocks, _sum(counts)], code)


def _row(told: dict[str, Any]) -> list[str]:
    return [told["id"], told["action"], str(told["attempt"]), told["outcome"], told["error"] or ""]


def _counts(counts: Counter[str]) -> dict[str, int]:
    return {outcome: counts[outcome] for outcome in OUTCOMES}


def _sum(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {outcome}" for outcome, count in _counts(counts).items())


# --- what waits, what is dead


def outbox(database: str, lifecycle: str | None, *, most: int, revive: Sequence[str], dismiss: Sequence[str]) -> Answer:
    """What waits and what is dead; before that, dead letters with these ids are revived and dismissed."""
    from sqlmodel import Session

    from orderfsm import outbox as box

    orders, engine = _orders(lifecycle), writing(database)
    with told(engine), Session(engine) as session:
        dead = {letter.id: letter for letter in box.dead(session, orders, most=1_000_000)} if revive or dismiss else {}
        revived = box.revive(session, orders, _picked(dead, revive))
        dismissed = box.dismiss(session, orders, _picked(dead, dismiss))
        session.commit()
        listed = box.dead(session, orders, most=most), box.waiting(session, orders, most=most)
    data = {name: [each.as_dict() for each in found] for name, found in zip(("dead", "waiting"), listed, strict=True)}
    return Answer({**data, "revived": revived, "dismissed": dismissed}, list(_letters(*listed, revived, dismissed)))


def _picked(dead: dict[str, Letter], ids: Iterable[str]) -> list[Letter]:
    missing = [id for id in ids if id not in dead]
    if missing:
        raise Misused(f"no dead letter has the id {missing[0]}")
    return [dead[id] for id in ids]


def _letters(dead: list[Letter], waiting: list[Letter], revived: int, dismissed: int) -> Iterator[Block]:
    if revived or dismissed:
        yield f"{revived} revived, {dismissed} dismissed"
    for name, letters in (("dead", dead), ("waiting", waiting)):
        yield Heading(f"{name}: {len(letters) or 'none'}")
        if letters:
            yield Grid(("message", "action", "attempts", "due", "why"), [_letter(each) for each in letters])


def _letter(letter: Letter) -> list[str]:
    due = "" if letter.due_at is None else letter.due_at.isoformat(" ", "seconds")
    return [letter.id, letter.action, str(letter.attempts or ""), due, letter.error or ""]
