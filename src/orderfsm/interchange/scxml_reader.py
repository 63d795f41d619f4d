"""SCXML read into a Chart, with line and column for everything that is wrong or left out."""

from __future__ import annotations

import ast
import re
from difflib import get_close_matches
from hashlib import sha256
from itertools import combinations
from pathlib import PurePath
from typing import TYPE_CHECKING

from orderfsm.chart import START, Category, Chart, Event, Guard, Kind, State, Transition
from orderfsm.errors import ExpressionError
from orderfsm.expression import parse as parse_expression

from .condition import from_scxml
from .element import Element, parse
from .scxml_content import Content
from .scxml_grammar import STATES, verify
from .scxml_names import BEGIN, OURS, OWN

if TYPE_CHECKING:
    from orderfsm.chart import Effect

__all__ = ["loads"]

TARGETS = 100
"""How many states a transition may lead to at once."""

COND = 10_000
"""How many characters a condition of our own data model may have."""


def loads(text: str, *, filename: str = "<text>") -> Chart:
    """The chart of an SCXML document. Conditions may ask `In('x')`, combined by and, or and not; nothing is evaluated.

    States without an id get one. Raises DocumentError for what is not SCXML and UnsupportedFeature for what this engine
    leaves out, both with line and column.
    """
    root = parse(text, filename)
    verify(root)
    return _Reader(root).chart(sha256(text.encode()).hexdigest())


class _Reader:
    """Names the states first, because everything else refers to them."""

    def __init__(self, root: Element) -> None:
        self.root = root
        self.content = Content(root)
        self.elements: dict[str, Element] = {}
        self.ancestors: dict[str, tuple[str, ...]] = {}
        self.names: dict[int, str] = {}
        self.number = 0
        self.given = {e.attributes["id"] for e in root.inside() if e.tag in STATES and "id" in e.attributes}
        self.enlist(root, ())

    def chart(self, content_hash: str) -> Chart:
        root, filename = self.root, self.root.filename
        if not root.all("state", "parallel", "final"):
            raise root.wrong("no state", "add a <state>")
        initial, initial_effects = self.initial(root, None)
        return Chart(
            name=root.attributes.get("name") or PurePath(filename).stem.strip("<>"),
            states=tuple(self.state(name, element) for name, element in self.elements.items()),
            transitions=self.transitions(),
            initial=initial,
            initial_effects=initial_effects,
            events=tuple(Event(name, internal=True) for name in root.words(f"{OURS} internal")),
            endless="left out",
            hash=content_hash,
            filename=filename,
        )

    # --- names

    def enlist(self, element: Element, above: tuple[str, ...]) -> None:
        for child in element.all(*STATES):
            name = child.attributes.get("id") or self.invented(child)
            if name in self.elements:
                first = self.elements[name].position
                raise child.wrong(f"a second state called {name}", f"the first one is at {first.line}:{first.column}")
            if re.search(r"[\s+;=*]", name):
                raise child.wrong(f"the id {name!r}", "leave out white space and the signs + ; = *")
            self.elements[name] = child
            self.ancestors[name] = above
            self.names[id(child)] = name
            self.enlist(child, (name, *above))

    def invented(self, element: Element) -> str:
        """A name for a state without one: its element and a number, e.g. `state.3`."""
        self.number = max(self.number, len(self.elements)) + 1
        while (name := f"{element.tag}.{self.number}") in self.given:
            self.number += 1
        return name

    def name(self, element: Element) -> str:
        return self.names[id(element)]

    def within(self, name: str, ancestor: str | None) -> bool:
        return ancestor is None or ancestor in self.ancestors[name]

    # --- states

    def state(self, name: str, element: Element) -> State:
        kind = self.kind(element)
        initial, initial_effects = self.default(element, kind, name)
        timers = self.content.timed(element)
        category = element.attributes.get(f"{OURS} category")
        return State(
            name,
            kind,
            parent=next(iter(self.ancestors[name]), None),
            initial=initial,
            initial_effects=initial_effects,
            on_entry=self.content.effects(*element.all("onentry"), timers=timers),
            on_exit=self.content.effects(*element.all("onexit"), timers=timers),
            after=self.content.after(element, name, timers),
            code=element.attributes.get(f"{OURS} code"),
            category=Category(category) if category else None,
            position=element.position,
        )

    def kind(self, element: Element) -> Kind:
        if element.tag == "history":
            depth = element.attributes.get("type", "shallow")
            if depth not in ("shallow", "deep"):
                raise element.wrong(f"the type {depth!r}", "write shallow or deep")
            return Kind(depth)
        if element.tag == "final":
            return Kind.FINAL
        if not element.all("state", "parallel", "final"):
            return Kind.ATOMIC
        return Kind.PARALLEL if element.tag == "parallel" else Kind.COMPOUND

    def default(self, element: Element, kind: Kind, name: str) -> tuple[tuple[str, ...], tuple[Effect, ...]]:
        """Where a compound or a history state leads when nothing else is said, and what is executed on the way."""
        if kind is Kind.COMPOUND:
            return self.initial(element, name)
        if kind.is_history:
            targets, effects = self.only_transition(element, next(iter(self.ancestors[name]), None))
            for target in targets:
                if self.elements[target] in self.sisters(element):
                    raise element.wrong(f"its default is the history state {target}", "name a state")
            return targets, effects
        if "initial" in element.attributes or element.all("initial"):
            raise element.wrong(f"{kind} states have no initial state", "remove it")
        return (), ()

    def sisters(self, history: Element) -> list[Element]:
        parent = self.ancestors[self.name(history)]
        return self.elements[parent[0]].all("history") if parent else []

    def initial(self, element: Element, name: str | None) -> tuple[tuple[str, ...], tuple[Effect, ...]]:
        """By the attribute, else by the <initial> element, else the first child in document order."""
        elements = element.all("initial")
        if len(elements) + ("initial" in element.attributes) > 1:
            raise element.wrong("more than one initial", "keep one of them")
        if elements:
            return self.only_transition(elements[0], name)
        if "initial" in element.attributes:
            return self.targets(element, "initial", name), ()
        return (self.name(element.all("state", "parallel", "final")[0]),), ()

    def only_transition(self, element: Element, inside: str | None) -> tuple[tuple[str, ...], tuple[Effect, ...]]:
        """Targets and effects of the one transition of an <initial> or <history>."""
        transitions = element.all("transition")
        if len(transitions) != 1:
            raise element.wrong(f"{len(transitions)} transitions", 'write one: <transition target="..."/>')
        transition = transitions[0]
        if "event" in transition.attributes or "cond" in transition.attributes:
            raise transition.wrong(f"the transition of <{element.tag}> has an event or a cond", "remove them")
        if "target" not in transition.attributes:
            raise transition.wrong(f"the transition of <{element.tag}> has no target", "name a state")
        return self.targets(transition, "target", inside), self.content.effects(transition)

    # --- transitions

    def transitions(self) -> tuple[Transition, ...]:
        found = [self.transition(element, START) for element in self.root.all(BEGIN)]
        found += [
            self.transition(element, name)
            for name, state in self.elements.items()
            if state.tag != "history"
            for element in state.all("transition")
        ]
        return tuple(sorted(found, key=lambda one: (one.position.line, one.position.column)))

    def transition(self, element: Element, source: str) -> Transition:
        if not element.attributes.keys() & {"event", "cond", "target"}:
            raise element.wrong("neither event nor cond nor target", "add one of them")
        if source == START and "target" not in element.attributes:
            raise element.wrong("no target", "name the state in which an order begins")
        way = element.attributes.get("type", "external")
        if way not in ("internal", "external"):
            raise element.wrong(f"the type {way!r}", "write internal or external")
        return Transition(
            source,
            tuple(event.removesuffix(".") for event in element.words("event")),
            self.targets(element, "target", None) if "target" in element.attributes else (),
            self.guards(element),
            internal=way == "internal",
            effects=self.content.effects(element),
            position=element.position,
        )

    def targets(self, element: Element, attribute: str, inside: str | None) -> tuple[str, ...]:
        """The states that an attribute names: they exist, lie inside a state, and can be active together."""
        names = tuple(dict.fromkeys(element.words(attribute)))
        if not names:
            raise element.wrong(f"{attribute} is empty", f"name a state, or remove {attribute}")
        if len(names) > TARGETS:
            raise element.wrong(f"{attribute} names {len(names)} states", f"name at most {TARGETS}")
        for name in names:
            self.known(element, name)
            if not self.within(name, inside):
                raise element.wrong(f"{name} does not lie inside {inside}", f"name a state inside {inside}")
        for one, other in combinations(names, 2):
            if not self.together(one, other):
                raise element.wrong(f"{one} and {other} cannot be active together", "name states of parallel regions")
        return names

    def known(self, element: Element, name: str) -> None:
        if name not in self.elements:
            near = get_close_matches(name, self.elements, 1)
            raise element.wrong(f"no state is called {name}", f"did you mean {near[0]}?" if near else "name a state")

    def together(self, one: str, other: str) -> bool:
        if one == other or self.within(one, other) or self.within(other, one):
            return True
        common = next((name for name in self.ancestors[one] if name in self.ancestors[other]), None)
        return common is not None and self.elements[common].tag == "parallel"

    # --- conditions

    def guards(self, element: Element) -> tuple[Guard, ...]:
        cond = element.attributes.get("cond")
        if cond is None:
            return ()
        own = self.root.attributes.get("datamodel") == OWN
        try:
            said = cond if own else from_scxml(cond)
        except ExpressionError as error:
            raise element.left_out(f"cond: {error}", "write In('x'), combined by and, or and not") from None
        try:
            guards = _own_guards(said) if own else (Guard(expression=parse_expression(said)),)
        except ExpressionError as error:
            raise element.wrong(f"cond: {error}") from None
        for name in sorted({name for guard in guards if guard.expression for name in guard.expression.states}):
            self.known(element, name)
        return guards


def _own_guards(cond: str) -> tuple[Guard, ...]:
    """The guards that our own data model joins by `and`; `guard("name")` is one that the service supplies."""
    if len(cond) > COND:
        raise ExpressionError(f"{len(cond)} characters, more than {COND}")
    try:
        tree = ast.parse(cond, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ExpressionError(f"not an expression: {type(error).__name__}", text=cond) from None
    terms = tree.values if isinstance(tree, ast.BoolOp) and isinstance(tree.op, ast.And) else [tree]
    if not any(_named(term) for term in terms):
        return (Guard(expression=parse_expression(cond)),)
    return tuple(_own_guard(cond, term) for term in terms)


def _own_guard(cond: str, term: ast.expr) -> Guard:
    name = _named(term)
    return Guard(name) if name else Guard(expression=parse_expression(ast.get_source_segment(cond, term) or ""))


def _named(term: ast.expr) -> str | None:
    match term:
        case ast.Call(func=ast.Name(id="guard"), args=[ast.Constant(value=str(name))]):
            return name
    return None
