"""A machine of XState 5 read into a Chart. Functions do not exist in JSON; guards and actions are names."""

from __future__ import annotations

import re
from datetime import timedelta
from hashlib import sha256
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from orderfsm.chart import Category, Chart, Effect, Guard, Kind, State, Timer, Transition
from orderfsm.errors import ExpressionError
from orderfsm.expression import parse as parse_expression
from orderfsm.printable import FORBIDDEN

from .xstate_node import clashing, parse, prefixed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .xstate_node import Node

__all__ = ["loads"]

OURS = {"category", "code"}
"""What `dumps` writes into `meta.orderfsm`."""

ARROW = {"actions", "description", "guard", "meta", "reenter", "target"}
EARLIER = {"cond": "guard", "internal": "reenter", "in": "guard"}
"""What XState 4 said, and what 5 says."""


def loads(text: str, *, filename: str = "<text>") -> Chart:
    """The chart of a machine's configuration as JSON: what `JSON.stringify(machine.config)` prints in XState 5.

    Guards become named ones, actions are emitted. **JSON drops functions without a word**, guards that were written as
    functions among them, so name them in `setup`. Raises DocumentError for what is no machine and UnsupportedFeature
    for what this engine leaves out, both with the path.
    """
    return _Reader(parse(text, filename)).chart(sha256(text.encode()).hexdigest())


class _Reader:
    """Reads the arrows of a machine whose states have names already."""

    def __init__(self, root: Node) -> None:
        self.root = root
        self.verify_root()
        self.ids: dict[str, Node] = {}
        for node in (root, *root.inside()):
            if self.ids.setdefault(self.id(node), node) is not node:
                raise node.wrong(f"a second state with the id {self.id(node)}", "rename one of them")

    def id(self, node: Node) -> str:
        if "id" in node.said:
            return str(node.said["id"])
        return ".".join((self.id(self.root), *node.path)) if node.path else "(machine)"

    def verify_root(self) -> None:
        if self.root.type != "compound":
            raise self.root.left_out(f"a machine that is {self.root.type}", "put a compound state around")
        for key in ("after", "exit", "onDone"):
            if key in self.root.said:
                raise self.root.left_out(key, "put it on the states inside")

    def chart(self, content_hash: str) -> Chart:
        root = self.root
        states = tuple(self.state(node) for node in root.inside())
        transitions = tuple(self.transitions())
        named = {guard.name for transition in transitions for guard in transition.guards if guard.name}
        self.verify_events(transitions)
        self.verify_regions(transitions)
        return Chart(
            name=str(root.said.get("id") or PurePath(root.filename).stem.strip("<>")),
            version=str(root.said.get("version", "0")),
            description=str(root.said.get("description", "")),
            states=states,
            transitions=transitions,
            initial=(self.initial(root).name,),
            initial_effects=self.emitted(root, root.said.get("entry")),
            guards={name: f"the guard {name}" for name in sorted(named)},
            endless="left out",
            hash=content_hash,
            filename=root.filename,
        )

    def verify_events(self, transitions: Iterable[Transition]) -> None:
        """An event here also matches those that it is a dotted prefix of; in XState it does not."""
        for shorter, event in prefixed({event for transition in transitions for event in transition.events}):
            raise self.root.left_out(f"the events {shorter} and {event}", "rename one: here the first matches both")

    def verify_regions(self, transitions: Iterable[Transition]) -> None:
        """Where a region has answered an event, XState asks nobody around it; here the other regions do."""
        told = [(arrow.source, (arrow.events, bool(arrow.targets))) for arrow in transitions]
        for node in self.root.inside():
            if node.type == "parallel":
                inside = {one.name for one in node.inside()}
                around = {node.name, *(one.name for one in node.above())}
                inner = [arrow for source, arrow in told if source in inside]
                for event in clashing(inner, [arrow for source, arrow in told if source in around]):
                    raise node.left_out(
                        f"{event}, answered both inside and around, without a target", "give it a target"
                    )

    # --- states

    def state(self, node: Node) -> State:
        kind = self.kind(node)
        ours = self.ours(node)
        return State(
            node.name,
            kind,
            parent=node.parent.name or None if node.parent else None,
            initial=tuple(inside.name for inside in self.default(node, kind)),
            on_entry=self.emitted(node, node.said.get("entry")),
            on_exit=self.emitted(node, node.said.get("exit")),
            after=tuple(
                Timer(self.due(node, delay), self.delay(node, delay), node.name) for delay in self.delays(node)
            ),
            code=ours.get("code"),
            category=Category(ours["category"]) if "category" in ours else None,
            description=str(node.said.get("description", "")),
        )

    def ours(self, node: Node) -> dict[str, str]:
        """The code and the category that `dumps` has written into `meta`."""
        meta = node.said.get("meta")
        told = meta.get("orderfsm", {}) if isinstance(meta, dict) else {}
        if not isinstance(told, dict) or not all(isinstance(value, str) for value in told.values()):
            raise node.wrong("meta.orderfsm is no mapping of texts", "write code and category")
        for key in told.keys() - OURS:
            raise node.wrong(f"the key {key!r} in meta.orderfsm", f"one of {', '.join(sorted(OURS))}")
        code = told.get("code", node.name)
        if FORBIDDEN.search(code) or code.splitlines() != [code] or not code.strip():
            raise node.wrong(f"the code {code!r} in meta.orderfsm", "write a plain text on one line")
        if told.get("category", "open") not in list(Category):
            raise node.wrong(f"the category {told['category']!r}", f"one of {', '.join(Category)}")
        return told

    def kind(self, node: Node) -> Kind:
        if node.type != "history":
            return Kind(node.type)
        if node.parent is self.root:
            raise node.left_out("a history state of the machine itself", "put a state around what it remembers")
        said = node.said.get("history", "shallow")
        if said not in (True, "shallow", "deep"):
            raise node.wrong(f"the history {said!r}", "shallow or deep")
        return Kind.DEEP if said == "deep" else Kind.SHALLOW

    def default(self, node: Node, kind: Kind) -> list[Node]:
        """Where a compound or a history state leads when nothing else is said."""
        if kind is Kind.COMPOUND:
            return [self.initial(node)]
        if not kind.is_history or node.parent is None:
            return []
        if "target" in node.said:
            return [self.found(node, node.parent, target) for target in _listed(node.said["target"])]
        if node.parent.type == "parallel":
            return [region for region in node.parent.children.values() if region.type != "history"]
        return [self.initial(node.parent)]

    def initial(self, node: Node) -> Node:
        said = node.said.get("initial")
        if isinstance(said, dict) and not said.keys() - {"target"}:
            said = said["target"]
        child = node.children.get(said) if isinstance(said, str) else None
        if child is None:
            raise node.wrong(f"initial is {said!r}", f"name one of {', '.join(node.children)}")
        return child

    # --- transitions

    def transitions(self) -> Iterator[Transition]:
        """Arrows of a state in the order in which XState tries them; the machine's own come last, on every state."""
        for node in self.root.inside():
            if node.type in ("final", "history"):
                continue
            yield from self.leading(node, node)
            if node.parent is self.root:
                yield from self.leading(self.root, node)

    def leading(self, node: Node, source: Node) -> Iterator[Transition]:
        on = node.said.get("on", {})
        if not isinstance(on, dict):
            raise node.wrong("on is not an object", "write a key for each event")
        for event in [event for event in on if event != "*"]:
            yield from self.arrows(node, source, (self.event(node, event),), on[event])
        for delay in self.delays(node):
            yield from self.arrows(node, source, (self.due(node, delay),), node.said["after"][delay])
        if "onDone" in node.said:
            yield from self.arrows(node, source, (f"done.state.{node.name}",), node.said["onDone"])
        if "*" in on:
            yield from self.arrows(node, source, ("*",), on["*"])
        yield from self.arrows(node, source, (), node.said.get("always", []))

    def event(self, node: Node, name: str) -> str:
        if name == "*":
            return name
        if "*" in name:
            raise node.left_out(f"the event {name!r}", "write the events out")
        if not name.isprintable() or name.split() != [name] or name.startswith(("xstate.", "done.state.")):
            raise node.left_out(f"the event {name!r}", "give it another name, without white space")
        return name

    def delays(self, node: Node) -> Iterable[str]:
        after = node.said.get("after", {})
        if not isinstance(after, dict):
            raise node.wrong("after is not an object", "write a key for each delay")
        return after

    def delay(self, node: Node, said: str) -> timedelta:
        if not (said.isascii() and said.isdigit() and len(said) < 15):
            raise node.left_out(f"the delay {said!r}", "write milliseconds")
        return timedelta(milliseconds=int(said))

    def due(self, node: Node, delay: str) -> str:
        return f"{node.name}_after_{delay}"

    def arrows(self, node: Node, source: Node, events: tuple[str, ...], said: Any) -> Iterator[Transition]:
        for one in said if isinstance(said, list) else [said]:
            yield self.arrow(node, source, events, one)

    def arrow(self, node: Node, source: Node, events: tuple[str, ...], said: Any) -> Transition:
        told = {"target": said} if isinstance(said, str) else {} if said is None else said
        if not isinstance(told, dict):
            raise node.wrong(f"the transition {said!r}", "write a target or an object")
        for key in told.keys() - ARROW:
            raise node.wrong(
                f"the key {key!r} in a transition", f"XState 5 says {EARLIER.get(key, 'nothing of the kind')}"
            )
        targets = [self.found(node, node.parent, target) for target in _listed(told.get("target"))]
        inside = bool(targets) and node is not self.root and not told.get("reenter")
        inside = inside and all(target is node or node in target.above() for target in targets)
        if node is self.root and told.get("reenter") and "entry" in node.said:
            raise node.left_out(
                "a transition of the machine that enters it again", "move entry to the states, or leave reenter out"
            )
        if targets and not inside:
            self.verify_domain(node, targets, again=bool(told.get("reenter")))
        return Transition(
            source.name,
            events,
            tuple(target.name for target in (self.stepped_in(node, targets) if inside else targets)),
            self.guards(node, told.get("guard")),
            internal=inside and node.type == "compound",
            effects=self.emitted(node, told.get("actions")),
        )

    def stepped_in(self, node: Node, targets: list[Node]) -> list[Node]:
        """Where a transition leads that does not leave its own state: nowhere, or to what lies inside."""
        if node.type == "parallel":
            raise node.left_out("a transition of a parallel state to itself or into it", "say reenter: true")
        if node.type == "atomic":
            return []
        return [self.initial(node) if target is node else target for target in targets]

    def verify_domain(self, node: Node, targets: list[Node], *, again: bool) -> None:
        """A parallel state is left here by a transition between its regions; in XState it is not."""
        around = next(
            (a for a in targets[0].above() if all(a in one.above() for one in (*targets[1:], node))), self.root
        )
        if not again and any(one.type == "history" and one.parent in [*node.above()] for one in targets):
            raise node.left_out("a transition to a memory of what it lies in", "say reenter: true, or name the state")
        if around.type != "parallel":
            return
        if around.said.keys() & {"entry", "exit", "after"} or any(
            c.type == "history" for c in around.children.values()
        ):
            what = f"a transition between regions of {around.name}, which notices being left"
            raise node.left_out(what, "move entry, exit, after and history to the regions")

    def found(self, node: Node, parent: Node | None, target: Any) -> Node:
        """The node that a target means: `#id`, `#id.inside`, `.inside`, or a sibling with what lies inside it."""
        if not isinstance(target, str) or not target:
            raise node.wrong(f"the target {target!r}", "write the name of a state")
        first, *keys = (key.replace("\\.", ".") for key in re.split(r"(?<!\\)\.", target))
        origin = (
            self.ids.get(first[1:]) if first.startswith("#") else parent.below([first]) if parent and first else None
        )
        meant = (origin.below(keys) if origin else None) if first else node.below(keys)
        if meant is None or meant is self.root:
            raise node.wrong(f"no state for the target {target!r}", "write #id, .inside or the key of a sibling")
        return meant

    # --- guards and actions

    def guards(self, node: Node, said: Any) -> tuple[Guard, ...]:
        match said:
            case None:
                return ()
            case str(name) if name:
                return (Guard(name),)
            case {"type": str(name), **rest} if name and not rest:
                return (Guard(name),)
            case {"type": "orderfsm.when", "params": {"expression": str(text)}}:
                return (Guard(expression=self.expression(node, text)),)
            case {"type": "orderfsm.all", "params": {"guards": list(guards)}}:
                return tuple(guard for one in guards for guard in self.guards(node, one))
        raise node.left_out(f"the guard {said!r}", "name a function without parameters")

    def expression(self, node: Node, text: str) -> Any:
        try:
            return parse_expression(text)
        except ExpressionError as error:
            raise node.wrong(f"guard: {error}") from None

    def emitted(self, node: Node, said: Any) -> tuple[Effect, ...]:
        names = [one.get("type") if isinstance(one, dict) else one for one in _listed(said)]
        for name in names:
            if not isinstance(name, str) or not name or name.startswith("xstate."):
                raise node.left_out(f"the action {name!r}", "name an action; it is emitted")
        return tuple(Effect("emit", str(name)) for name in names)


def _listed(said: Any) -> list[Any]:
    return said if isinstance(said, list) else [] if said is None else [said]
