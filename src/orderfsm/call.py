"""One call of an event, judged: guards answered from facts, demands compared with what came along."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .cell import Choice, Configuration, Step
from .chart import START
from .corrections import ADOPTED, field_of, in_force
from .errors import Blocker, GuardFailed, MissingGuard, NotEnabled, PayloadInvalid, UnknownEvent
from .graph import passed, way
from .history import Actor, Reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from .cell import Demand, Node
    from .chart import Guard
    from .errors import Refused
    from .history import Link
    from .table import Table

    Facts = Mapping[str, Any] | Callable[[], Mapping[str, Any]]
    Answer = Callable[[Mapping[str, Any]], "bool | Blocker"]
    Visits = Sequence[tuple[datetime | None, frozenset[str]]]

__all__ = ["Call"]

UNSEEN: Mapping[str, Any] = {}

OVER_VALUES = (GuardFailed, LookupError, TypeError, ValueError, AttributeError, ArithmeticError)
"""What a guard raises that reads a field which is not there, or is not what it should be."""


@dataclass(slots=True)
class Call:
    """An event asked for in a configuration, with everything that came along. Facts are fetched when a guard asks."""

    table: Table
    configuration: str | None
    event: str
    actor: Actor | str | None = None
    reason: Reason | str | None = None
    links: Sequence[Link] = ()
    payload: Mapping[str, Any] | None = None
    facts: Facts | None = None
    guards: Mapping[str, Answer] | None = None
    now: datetime | None = None
    _known: Mapping[str, Any] | None = None

    # --- guards

    def resolve(self, node: Node) -> Step | None:
        """The step that the answers lead to; None when the guards refuse."""
        while isinstance(node, Choice):
            node = node.yes if self.answer(node) is True else node.no
        return node

    def answer(self, choice: Choice) -> bool | Blocker:
        """True, or why not: False for an expression, perhaps a Blocker of its own from an application's function.

        Raises MissingGuard, GuardFailed, what a function raises, or PayloadInvalid when a guard failed over a payload
        that does not fit.
        """
        guard = choice.guard
        try:
            if guard.expression is None:
                return self.ask(guard.text)
            return guard.expression.evaluate(self.known(), active=choice.active, visits=lambda: self.visits(guard))
        except OVER_VALUES:
            problems = tuple(self.payload_blockers())
            if not problems:
                raise
            here = self.configuration or START
            raise PayloadInvalid(self.table.chart.name, here, self.event, problems) from None

    def payload_blockers(self) -> Iterator[Blocker]:
        """One blocker per field of the event's payload that is missing or does not fit."""
        from . import payload as payloads  # when it is needed: few events declare one

        named = self.event if self.event in self.table.alphabet else self.table.stand_in(self.event)
        declared = self.table.chart.event_by_name.get(named or self.event)
        return payloads.blockers(declared.payload if declared else (), self.payload)

    def ask(self, name: str) -> bool | Blocker:
        """The answer of an application's function."""
        function = (self.guards or UNSEEN).get(name)
        if function is None:
            said = self.table.chart.guards.get(name, "")
            raise MissingGuard(
                f"{self.table.chart.name} asks the guard {name} ({said}); supply it: guards={{{name!r}: function}}"
            )
        answer = function(self.known())
        if not isinstance(answer, bool | Blocker):
            raise GuardFailed(f"the guard {name} answered {answer!r}; answer True, False or a Blocker", guard=name)
        return answer

    def known(self) -> Mapping[str, Any]:
        """The facts of the call: the application's, plus payload, actor and now when they were given."""
        if self._known is None:
            given = self.facts() if callable(self.facts) else (self.facts or UNSEEN)
            if type(given) is not dict and not isinstance(given, Mapping):
                raise TypeError(f"the function of facts answers a mapping, not {type(given).__name__}")
            told = {"payload": self.payload, "actor": _actor(self.actor), "now": self.now}
            self._known = _Facts(given, {name: value for name, value in told.items() if value is not None})
        return self._known

    def answerable(self, guard: Guard) -> bool:
        """Whether everything that the guard reads came along."""
        if guard.expression is None:
            return guard.text in (self.guards or UNSEEN)
        known = self.known()
        if guard.expression.asks_history and "history" not in known and not self.foregone(guard):
            return False
        return all(root in known for root in guard.expression.roots)

    def visits(self, guard: Guard) -> Visits:
        """The order's past for was() and days_since(): the given history, else what the chart makes certain."""
        history = self.known().get("history")
        if history is not None:
            entries = list(history)
            if all(field_of(entry, "corrects") is None for entry in entries):
                return [*self.unrecorded(entries), *(self.visit(entry) for entry in entries)]
            counting = in_force(entries)
            return [*self.unrecorded(entries), *(self.visit(entry, told) for entry, told in counting)]
        if not self.foregone(guard):
            raise GuardFailed(
                f"{guard.text}: the history was not supplied; give facts={{'history': entries}}", guard=guard.text
            )
        return [(None, self.passed()[0])]

    def unrecorded(self, entries: Sequence[Any]) -> Visits:
        """What an adopted order was before its first entry: what every way there has been in, nobody knows when."""
        first = entries[0] if entries else None
        if field_of(first, "event") != ADOPTED or field_of(first, "before") not in (None, START):
            return []
        known = passed(self.table).get(str(field_of(entries[0], "after")))
        return [] if known is None else [(None, known.always - self.visit(entries[0])[1])]

    def foregone(self, guard: Guard) -> bool:
        """Whether the chart alone decides what the guard asks about the past: every way, or no way, has been there."""
        always, sometimes = self.passed()
        asked = guard.expression
        return asked is None or not (asked.dated or asked.states & (sometimes - always))

    def passed(self) -> tuple[frozenset[str], frozenset[str]]:
        """What every, and some, way to this configuration has been in."""
        if self.configuration is None:
            return frozenset(), frozenset()
        return passed(self.table)[self.configuration]

    def visit(self, entry: Any, restated: Mapping[str, Any] = UNSEEN) -> tuple[datetime | None, frozenset[str]]:
        """When an entry was made, or was restated to have been, and the states that were active after it."""
        moment = restated.get("occurred_at") or field_of(entry, "occurred_at")
        after = field_of(entry, "after")
        found = self.table.configurations.get(str(after))
        states = self.former(after) if found is None else found.states
        return (_timestamp(moment) if isinstance(moment, str) else moment), states

    def former(self, after: Any) -> frozenset[str]:
        """The states of a configuration that the chart lacks: its own if it is one, else those named, if all are known.

        A name that is not known may have stood inside a state that is asked about: then nothing is certain.
        """
        if isinstance(after, Configuration):
            return after.states
        chart = self.table.chart
        leaves = str(after).partition(";")[0].split("+")
        if not chart.by_name.keys() >= set(leaves):
            said = f"the history names {str(after)!r}, which is no configuration of {chart.name}"
            raise GuardFailed(f"{said}; give the former chart that has it: Lifecycle(…, former=[chart])")
        return frozenset(name for leaf in leaves for name in (leaf, *chart.ancestors[leaf]))

    # --- refusals

    def refusals(self, node: Node) -> Iterator[Blocker]:
        """One blocker for every guard that said no on the way to nothing."""
        while isinstance(node, Choice):
            answer = self.answer(node)
            if answer is not True:
                yield self.refusal(node, answer)
            node = node.yes if answer is True else node.no

    def refusal(self, choice: Choice, answer: bool | Blocker) -> Blocker:  # noqa: FBT001 - what a guard said
        """Why one guard said no, with operand values."""
        guard = choice.guard
        if isinstance(answer, Blocker):
            return answer
        if guard.expression is None:
            said = self.table.chart.guards.get(guard.text, "")
            return Blocker("guard-refused", f"{self.event}: {guard.text} does not hold: {said}", {"guard": guard.text})
        told = guard.expression.explain(self.known(), active=choice.active, visits=lambda: self.visits(guard))
        parameters = {"guard": guard.text, "failed": list(told.failed), "operands": dict(told.operands)}
        return Blocker("guard-refused", f"{self.event}: {told.text}", parameters)

    def demands(self, demand: Demand) -> Iterator[Blocker]:
        """One blocker for everything that the step asks for and that did not come along, the actor first."""
        yield from self.actor_blockers(demand)
        yield from self.reason_blockers(demand)
        yield from self.link_blockers(demand)
        if demand.payload:
            yield from self.payload_blockers()

    def actor_blockers(self, demand: Demand) -> Iterator[Blocker]:
        """One blocker per transition that this actor may not ask for."""
        if self.actor is None:
            return
        role = self.actor if isinstance(self.actor, str) else self.actor.role
        for allowed in demand.by:
            if role not in allowed:
                said = f"{self.event} is for {_either(allowed)}, not for {role or 'an unnamed actor'}"
                yield Blocker("not-permitted", said, {"actor": role, "allowed": list(allowed)})

    def stranger(self, steps: Sequence[Step]) -> tuple[Blocker, ...]:
        """Why none of these steps is for this actor; () when one is, or when nobody asks."""
        refused = [tuple(self.actor_blockers(step.demand)) for step in steps]
        return refused[0] if refused and all(refused) else ()

    def reason_blockers(self, demand: Demand) -> Iterator[Blocker]:
        """At most one blocker: the reason is missing, unknown or not wanted."""
        rule, code, given = demand.reason, _reason_code(self.reason), _has_reason(self.reason)
        reasons = self.table.chart.reasons
        listed = rule.codes or tuple(reasons.codes)
        closed = bool(rule.codes) or not reasons.open
        if rule.mode == "forbidden" and given:
            yield Blocker("reason-forbidden", f"{self.event} takes no reason; leave it out", {"reason": code})
        elif rule.mode == "required" and (not given or (rule.codes and code is None)):
            one = f"one of {', '.join(listed)}" if closed and listed else "a code or a text"
            allowed = list(listed) if closed else []
            yield Blocker("reason-missing", f"{self.event} needs a reason: {one}", {"allowed": allowed})
        elif code is not None and closed and code not in listed:
            said = f"{code!r} is not a reason for {self.event}; use one of {', '.join(listed) or 'none: give a text'}"
            yield Blocker("reason-unknown", said, {"reason": code, "allowed": list(listed)})

    def link_blockers(self, demand: Demand) -> Iterator[Blocker]:
        """One blocker per link relation that is missing."""
        rels = {link.rel for link in self.links}
        for rel in demand.links:
            if rel not in rels:
                yield Blocker("link-missing", f"{self.event} needs a link with rel {rel!r}", {"rel": rel})


class _Facts(Mapping[str, Any]):
    """The application's facts, with what the call brought on top; nothing is read before it is asked for."""

    __slots__ = ("_given", "_told")

    def __init__(self, given: Mapping[str, Any], told: Mapping[str, Any]) -> None:
        self._given = given
        self._told = told

    def __getitem__(self, name: str) -> Any:
        return self._told[name] if name in self._told else self._given[name]

    def __contains__(self, name: object) -> bool:
        return name in self._told or name in self._given

    def __iter__(self) -> Iterator[str]:
        return iter({**dict.fromkeys(self._given), **dict.fromkeys(self._told)})

    def __len__(self) -> int:
        return len(set(self._given) | set(self._told))


def _actor(actor: Actor | str | None) -> Actor | None:
    return Actor(actor) if isinstance(actor, str) else actor


def _reason_code(reason: Reason | str | None) -> str | None:
    return reason if reason is None or isinstance(reason, str) else reason.code


def _timestamp(text: str) -> datetime:
    from .expression import parse_timestamp  # when it is needed: the language of guards takes long to import

    return parse_timestamp(text)


def _has_reason(reason: Reason | str | None) -> bool:
    return bool(reason) if not isinstance(reason, Reason) else bool(reason.code or reason.text)


def _either(names: Sequence[str]) -> str:
    return " or ".join(names)


# --- an event that leads nowhere


def no_cell(table: Table, configuration: str | None, event: str) -> Refused:
    """The error for an event without a cell: unknown to the chart, or not enabled here."""
    here = START if configuration is None else configuration
    if event in table.alphabet or event in table.starts or table.stand_in(event) is not None:
        return NotEnabled(table.chart.name, here, event, lambda: (_no_cell_blocker(table, configuration, event),))
    return UnknownEvent(table.chart.name, here, event, lambda: (_unknown_event_blocker(table, configuration, event),))


def _unknown_event_blocker(table: Table, configuration: str | None, event: str) -> Blocker:
    enabled = list(table.starts if configuration is None else table.rows[configuration])
    guess = _closest(event, table)
    said = f"{table.chart.name} has no event {event!r}{guess}; enabled here: {', '.join(enabled) or 'nothing'}"
    return Blocker("unknown-event", said, {"event": event, "enabled": enabled})


def _no_cell_blocker(table: Table, configuration: str | None, event: str) -> Blocker:
    row = table.starts if configuration is None else table.rows[configuration]
    enabled = list(row)
    here = f"enabled here: {', '.join(enabled) or 'nothing'}"
    if configuration is not None and not row:
        said = f"{_show(table, configuration)} is an end of {table.chart.name}: nothing leads out of it"
        return Blocker("terminal", said, {"event": event, "configuration": configuration, "enabled": []})
    steps = None if configuration is None else way(table, configuration, lambda c: event in table.rows[c])
    events = [step.event for step in steps or ()]
    detour = f"; the shortest way there: {', '.join([*events, event])}" if events else ""
    said = f"{event} is not enabled in {_show(table, configuration)} of {table.chart.name}; {here}{detour}"
    return Blocker(
        "not-enabled", said, {"event": event, "configuration": configuration, "enabled": enabled, "path": events}
    )


def _show(table: Table, configuration: str | None) -> str:
    if configuration is None:
        return "the start"
    code = table.configurations[configuration].code
    return configuration if code in (None, configuration) else f"{configuration} ({code})"


def _closest(event: str, table: Table) -> str:
    import difflib

    close = difflib.get_close_matches(event[:100], [*table.alphabet, *table.starts], n=1)
    return f" (did you mean {close[0]}?)" if close else ""
