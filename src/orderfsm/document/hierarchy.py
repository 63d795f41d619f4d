"""The states of a document: which there are, what kind they are, and which lies inside which."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING

from orderfsm.chart import Category, Kind, State, Timer

from .nodes import MappingNode, fields_of, is_true, remedy_for, scalars_of, shown, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .names import Names
    from .nodes import Node, Report, ScalarNode

__all__ = ["Hierarchy"]

TARGET_LIMIT = 16


@dataclass(slots=True)
class _Seat:
    """A state before anything about it is known but its place."""

    key: ScalarNode
    fields: dict[str, Node]
    parent: str | None
    kind: Kind


@dataclass(slots=True)
class Hierarchy:
    """The states of a document by name, in document order."""

    report: Report
    seats: dict[str, _Seat] = field(default_factory=dict)

    # --- who is there

    def fill(self, states: Node | None, parent: str | None = None) -> None:
        """Take in these states and all that lie inside them."""
        for key, node in states if isinstance(states, MappingNode) else ():
            fields = fields_of(node)
            if key.text in self.seats:
                first = self.seats[key.text].key.position.line
                self.report.add(
                    key, f"a state {shown(key.text)} already stands on line {first}", "rename one; `code` may be equal"
                )
                continue
            self.seats[key.text] = _Seat(key, fields, parent, _kind(fields))
            self.fill(fields.get("states"), key.text)

    def settle(self) -> None:
        """Give history states their owners, once every state is known."""
        for seat in self.seats.values():
            if seat.kind.is_history:
                self.settle_history(seat)

    def settle_history(self, seat: _Seat) -> None:
        """Make the state under `of` the parent."""
        of = seat.fields.get("of")
        if of is None:
            if seat.parent is None:
                self.report.add(
                    seat.key, "a history state outside all states remembers nothing", "name its state with `of`"
                )
            return
        owner = self.seats.get(text_of(of))
        if owner is None:
            self.report.add(of, f"no state is called {shown(text_of(of))}", remedy_for(text_of(of), self.seats))
        elif owner.kind not in (Kind.COMPOUND, Kind.PARALLEL):
            self.report.add(
                of, f"{text_of(of)} has no states inside that could be remembered", "name a state with children"
            )
        else:
            seat.parent = text_of(of)

    # --- which lies inside which

    def ancestors(self, name: str) -> Iterator[str]:
        """The states around `name`, the innermost first."""
        parent = self.seats[name].parent
        while parent is not None:
            yield parent
            parent = self.seats[parent].parent

    def together(self, one: str, other: str) -> bool:
        """Whether two states can be active at once without one lying inside the other."""
        path = (one, *self.ancestors(one))
        meeting = next((name for name in (other, *self.ancestors(other)) if name in path), None)
        return meeting is not None and meeting not in (one, other) and self.seats[meeting].kind is Kind.PARALLEL

    def targets(self, names: Names, node: Node | None, inside: str | None = None) -> tuple[str, ...]:
        """The states that stand here: known, in different regions when there are several, and inside `inside`."""
        targets = names.all("state", node)
        known = [scalar for scalar in scalars_of(node) if scalar.text in self.seats]
        if node is not None and len(known) > TARGET_LIMIT:
            self.report.add(
                node,
                f"{len(known)} targets are more than {TARGET_LIMIT}",
                "leave out those that are entered by default",
            )
        for one, other in combinations(known[:TARGET_LIMIT], 2):
            if one.text != other.text and not self.together(one.text, other.text):
                message = f"{one.text} and {other.text} cannot be entered together"
                self.report.add(other, message, "several targets lie in different regions of a parallel state")
        for scalar in known:
            if inside is not None and inside not in self.ancestors(scalar.text):
                self.report.add(scalar, f"{scalar.text} does not lie inside {inside}", self.inmates(inside))
        return targets

    def enclosing(self) -> list[str]:
        """The states that have states inside."""
        return [name for name, seat in self.seats.items() if seat.kind in (Kind.COMPOUND, Kind.PARALLEL)]

    def inmates(self, name: str) -> str:
        """A remedy: which states lie inside `name`."""
        found = [other for other, seat in self.seats.items() if seat.parent == name and not seat.kind.is_history]
        return f"inside it: {', '.join(found[:12])}" if found else ""

    # --- the states themselves

    def states(self, names: Names) -> tuple[State, ...]:
        """Every state, in document order."""
        return tuple(self.state(name, seat, names) for name, seat in self.seats.items())

    def state(self, name: str, seat: _Seat, names: Names) -> State:
        """One state."""
        fields = seat.fields
        self.check_structure(name, seat)
        inside = {Kind.COMPOUND: name, Kind.SHALLOW: seat.parent, Kind.DEEP: seat.parent}.get(seat.kind)
        return State(
            name,
            kind=seat.kind,
            parent=seat.parent,
            initial=self.targets(names, fields.get("default") or fields.get("initial"), inside),
            on_entry=names.effects(fields_of(fields.get("entry"))),
            on_exit=names.effects(fields_of(fields.get("exit"))),
            after=self.timers(name, fields.get("after"), names),
            code=text_of(fields["code"]) if "code" in fields else None,
            category=Category(text_of(fields["category"])) if "category" in fields else None,
            title=text_of(fields.get("title")),
            description=text_of(fields.get("description")),
            source=text_of(fields.get("source")),
            reason=names.reason(fields.get("reason")),
            links=names.links(fields.get("links")),
            clock=text_of(fields.get("clock")) or "runs",
            position=seat.key.position,
        )

    def check_structure(self, name: str, seat: _Seat) -> None:
        """Report what a state of this kind cannot have, or has to."""
        fields, report = seat.fields, self.report
        if is_true(fields.get("final")) and "states" in fields:
            report.add(fields["states"], f"{name} is final and has states inside", "remove `final`, or the states")
        if is_true(fields.get("parallel")) and "states" not in fields:
            report.add(seat.key, f"{name} is parallel and has no states inside", "add `states`, one per region")
        if seat.kind is Kind.COMPOUND and "initial" not in fields:
            report.add(
                seat.key, f"{name} has states inside and no `initial`", f"say where it begins: {self.inmates(name)}"
            )
        if seat.kind is not Kind.COMPOUND and "initial" in fields:
            report.add(fields["initial"], f"{name} is {seat.kind} and has an `initial`", _INITIAL[seat.kind])

    @staticmethod
    def timers(name: str, node: Node | None, names: Names) -> tuple[Timer, ...]:
        """The timers of a state, in document order."""
        entries = node if isinstance(node, MappingNode) else ()
        return tuple(Timer(names.one("event", event), names.duration(delay), name) for delay, event in entries)


_INITIAL = {
    Kind.ATOMIC: "only a state with `states` has one",
    Kind.FINAL: "only a state with `states` has one",
    Kind.PARALLEL: "all its regions begin at once; give each its own",
}


def _kind(fields: dict[str, Node]) -> Kind:
    """What a state with these keys is."""
    if "history" in fields:
        return Kind(text_of(fields["history"]))
    if is_true(fields.get("final")):
        return Kind.FINAL
    if "states" not in fields:
        return Kind.ATOMIC
    return Kind.PARALLEL if is_true(fields.get("parallel")) else Kind.COMPOUND
