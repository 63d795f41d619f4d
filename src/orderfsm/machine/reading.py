"""Reading: a Machine of the `transitions` package becomes a Chart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orderfsm.chart import Chart, Guard, Kind, State, Transition
from orderfsm.errors import UnsupportedFeature

if TYPE_CHECKING:
    from collections.abc import Iterator

    import transitions

__all__ = ["from_transitions"]


def from_transitions(machine: transitions.Machine, name: str = "imported/order", version: str = "0") -> Chart:
    """The chart of a Machine or HierarchicalMachine: states, nesting, events, and conditions as named guards.

    A state's name is its full one, in the machine's own spelling. A condition becomes the guard that its function is
    called (`not_<name>` for `unless`), which the application supplies; callbacks stay behind, and so do the automatic
    `to_<state>` events, which would allow everything. Raises UnsupportedFeature for a state that has children and names
    no initial one.
    """
    reading = _Reading(machine)
    reading.scope(machine, ())
    guards = {g.name: f"the condition {g.name}" for t in reading.transitions for g in t.guards if g.name}
    if not reading.states:
        raise UnsupportedFeature("the machine has no states; give it some")
    return Chart(
        name=name,
        version=version,
        states=tuple(reading.states),
        transitions=tuple(reading.transitions),
        initial=(_text(machine.initial),) if machine.initial else (reading.states[0].name,),
        guards=guards,
    )


class _Reading:
    """Walks the scopes of a machine: its states, their children, and the events that each scope has."""

    def __init__(self, machine: transitions.Machine) -> None:
        self.separator: str = getattr(machine.state_cls, "separator", "_")
        self.automatic = bool(machine.auto_transitions)
        self.states: list[State] = []
        self.transitions: list[Transition] = []
        self.functions: dict[Any, str] = {}

    def scope(self, scope: Any, path: tuple[str, ...]) -> None:
        for local, state in scope.states.items():
            self.state(state, (*path, local))
        for event, definition in scope.events.items():
            if not (self.automatic and event.startswith("to_")):
                for arrows in definition.transitions.values():
                    self.transitions += (self.arrow(event, arrow, path) for arrow in arrows)

    def state(self, state: Any, path: tuple[str, ...]) -> None:
        parent = self.joined(path[:-1]) if len(path) > 1 else None
        self.states.append(State(self.joined(path), self.kind(state), parent, tuple(self.entered(state, path))))
        if getattr(state, "states", None):
            self.scope(state, path)

    def kind(self, state: Any) -> Kind:
        if not getattr(state, "states", None):
            return Kind.FINAL if state.final else Kind.ATOMIC
        if not state.initial:
            raise UnsupportedFeature(f"{state.name} has children and no initial one; name one of them")
        return Kind.PARALLEL if isinstance(state.initial, list | tuple) else Kind.COMPOUND

    def entered(self, state: Any, path: tuple[str, ...]) -> Iterator[str]:
        if self.kind(state) is Kind.COMPOUND:
            yield self.joined((*path, _text(state.initial)))

    def arrow(self, event: str, arrow: Any, path: tuple[str, ...]) -> Transition:
        targets = () if arrow.dest is None else (self.joined((*path, _text(arrow.dest))),)
        guards = tuple(map(self.guard, arrow.conditions))
        return Transition(self.joined((*path, _text(arrow.source))), (event,), targets, guards)

    def guard(self, condition: Any) -> Guard:
        """The guard of a condition; functions of one name are numbered, and so are those that have none."""
        if condition.func not in self.functions:
            wanted = _guard_name(condition.func)
            taken = sum(name == wanted or name.startswith(f"{wanted}_") for name in self.functions.values())
            self.functions[condition.func] = f"{wanted}_{taken + 1}" if taken else wanted
        name = self.functions[condition.func]
        return Guard(name if condition.target else f"not_{name}")

    def joined(self, path: tuple[str, ...]) -> str:
        return self.separator.join(path)


def _guard_name(function: Any) -> str:
    """What a condition is called: the last name of a dotted one, the function's own, else `condition`."""
    named = function if isinstance(function, str) else getattr(function, "__name__", "")
    last = named.rpartition(".")[2]
    return last if last.isidentifier() and last.isascii() and not last.startswith("_") else "condition"


def _text(name: Any) -> str:
    return name if isinstance(name, str) else str(name.name)
