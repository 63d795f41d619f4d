"""The page of a chart: everything that its file says, in tables, with the diagram."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from orderfsm.chart import Basis, Kind
from orderfsm.diagrams.markdown import code, grid, matrix, plain, reason, transitions, verbatim
from orderfsm.diagrams.picture import iso
from orderfsm.table import compile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from orderfsm.chart import Chart, Effect, Event, Field, Scenario, Send, State

__all__ = ["chart_page"]

WIDE = 60
"""Up to how many configurations are shown in a table."""


def chart_page(chart: Chart) -> str:
    """The page of a chart, loaded under the full profile. It ends in a line break."""
    sections = [
        _head(chart),
        _section("Diagram", _picture(chart), _legend(chart)),
        _section("States", _states(chart)),
        _section("Transitions", transitions(chart)),
        _section("Events", _events(chart)),
        _section("What may follow", _matrix(chart)),
        _section("Profiles", _profiles(chart)),
        _section("Aliases", _aliases(chart)),
        *(_section(title, said) for title, said in _vocabulary(chart)),
        _section("Rules", "".join(f"- {verbatim(rule.text)}\n" for rule in chart.rules)),
        _section("Roll-up", _rollup(chart)),
        _section("Scenarios", _scenarios(chart)),
        _section("Quirks", "".join(f"- {plain(quirk)}\n" for quirk in chart.quirks)),
    ]
    return "\n".join(section for section in sections if section)


def _section(title: str, *parts: str) -> str:
    body = "\n".join(part for part in parts if part)
    return f"## {title}\n\n{body}" if body else ""


def _head(chart: Chart) -> str:
    facts = [["chart", code(chart.name)], ["version", code(chart.version)]]
    facts += [[plain(key), plain(value)] for key, value in chart.source.items()]
    facts += [["spelling of codes", code(chart.spelling)]] if chart.spelling else []
    made = f"<!-- Made from statecharts/{chart.name}.yaml by `make docs`; do not edit. -->"
    return "\n".join(
        [f"# {plain(chart.title or chart.name)}", "", made, "", plain(chart.description), "", grid(["", ""], facts)]
    )


def picture_name(name: str) -> str:
    """The file of a chart's picture."""
    return f"{name.replace('/', '-')}.svg"


def _picture(chart: Chart) -> str:
    return f"![{plain(chart.title)}: states and arrows](../../pictures/{picture_name(chart.name)})\n"


def _legend(chart: Chart) -> str:
    said = (
        "Arrows that neither the source nor its documents state are dashed; the table of transitions says whether a "
        "later version does, or whether we infer them."
    )
    memory = " *H* is a history state: it leads back to where the order was." if _remembers(chart) else ""
    return f"{said}{memory}\n"


def _remembers(chart: Chart) -> bool:
    return any(state.kind.is_history for state in chart.states)


# --- states


def _states(chart: Chart) -> str:
    head = ["state", "code", "category", "meaning", "remarks", "source"]
    return grid(head, [_state(chart, state) for state in chart.states])


def _state(chart: Chart, state: State) -> list[str]:
    leaf = state.kind in (Kind.ATOMIC, Kind.FINAL)
    meaning = ": ".join(part for part in (plain(state.title), plain(state.description)) if part)
    return [
        code(state.name),
        code(chart.code_of(state.name) or "") if leaf or state.code else "",
        str(chart.category_of(state.name) or ""),
        meaning,
        "; ".join(_remarks(chart, state)),
        plain(state.source),
    ]


def _remarks(chart: Chart, state: State) -> Iterator[str]:
    if state.parent is not None:
        yield f"inside {code(state.parent)}"
    if state.name in chart.initial:
        yield "where an order begins"
    if state.kind is Kind.FINAL:
        yield "final"
    if state.kind is Kind.PARALLEL:
        yield "all its regions are active at once"
    if state.kind.is_history:
        yield f"remembers ({state.kind}); at first {', '.join(map(code, state.initial))}"
    elif state.initial:
        yield f"begins in {', '.join(map(code, state.initial))}"
    yield from (f"{code(timer.event)} after {iso(timer.delay)}" for timer in state.after)
    yield from (
        f"on {way}: {effect.kind} {code(effect.name)}" for way, effects in _effects(state) for effect in effects
    )
    if said := reason(state.reason):
        yield f"to enter: {said}"
    yield from (f"to enter: link {code(rel)}" for rel in state.links)
    if state.clock == "stops":
        yield "its time does not count"


def _effects(state: State) -> Iterator[tuple[str, tuple[Effect, ...]]]:
    yield "entry", state.on_entry
    yield "exit", state.on_exit


# --- events


def _events(chart: Chart) -> str:
    rows = [_event(event) for event in chart.events]
    return grid(["event", "meaning", "payload"], rows) if any(row[1] or row[2] for row in rows) else ""


def _event(event: Event) -> list[str]:
    meaning = ". ".join(part.rstrip(".") for part in (plain(event.title), plain(event.description)) if part)
    internal = " Raised by the chart only." if event.internal else ""
    return [
        code(event.name),
        f"{meaning}.{internal}" if meaning else internal.strip(),
        "; ".join(map(_field, event.payload)),
    ]


def _field(field: Field) -> str:
    """A field of a payload: name, type, limits."""
    limits = [
        f"at least {field.minimum:g}" if field.minimum is not None else "",
        f"at most {field.maximum:g}" if field.maximum is not None else "",
        f"at most {field.max_length} long" if field.max_length is not None else "",
        f"one of {', '.join(code(str(each)) for each in field.enum)}" if field.enum else "",
        "optional" if not field.required else "",
        plain(field.description),
    ]
    items = f" of {field.items.type}" if field.items is not None else ""
    inside = [*field.fields, *(field.items.fields if field.items is not None else ())]
    fields = f" with {', '.join(code(each.name) for each in inside)}" if inside else ""
    return ", ".join([f"{code(field.name)}: {field.type}{items}{fields}", *filter(None, limits)])


def _matrix(chart: Chart) -> str:
    table = compile(chart)
    if len(table.configurations) > WIDE:
        count = len(table.configurations)
        return f"The table of its {count} configurations: `orderfsm draw {chart.name} --format table`.\n"
    return f"Rows are configurations, as they are stored; guards permitting.\n\n{matrix(chart)}"


# --- profiles and vocabularies


def _profiles(chart: Chart) -> str:
    strict = chart.restricted("strict")
    counts = Counter(transition.basis for transition in chart.transitions)
    rows = [
        [str(basis), str(counts[basis]), "strict, full" if basis.is_strict else "full"]
        for basis in Basis
        if counts[basis]
    ]
    said = [
        f"{profile}: {len(each.transitions)} arrows, {len(compile(each).configurations)} configurations, "
        f"{len(set(_reached(each)))} of {len(chart.codes)} codes can be reached.\n"
        for profile, each in (("Strict", strict), ("Full", chart))
    ]
    return "\n".join([grid(["basis", "arrows", "profiles"], rows), *said])


def _reached(chart: Chart) -> Iterator[str]:
    return (word for found in compile(chart).configurations.values() for word in found.codes)


def _aliases(chart: Chart) -> str:
    said = "Understood under the full profile, never written.\n"
    return f"{said}\n{_definitions('seen', 'code', chart.aliases)}" if chart.aliases else ""


def _definitions(word: str, meaning: str, values: Mapping[str, str]) -> str:
    return grid(
        [word, meaning],
        [[code(key), code(value) if meaning == "code" else plain(value)] for key, value in values.items()],
    )


def _vocabulary(chart: Chart) -> Iterator[tuple[str, str]]:
    """The actors, reasons, links, guards and actions that the chart describes."""
    kind = "Open: other codes are accepted." if chart.reasons.open else "Closed: no other code is accepted."
    if chart.actors:
        yield "Actors", _definitions("actor", "meaning", chart.actors)
    if chart.reasons.codes:
        yield "Reasons", f"{kind}\n\n{_definitions('reason', 'meaning', chart.reasons.codes)}"
    if chart.links:
        yield "Links", _definitions("rel", "meaning", chart.links)
    if chart.guards:
        yield "Guards that the application supplies", _definitions("guard", "meaning", chart.guards)
    if chart.actions:
        yield "Actions", _definitions("action", "meaning", chart.actions)


# --- roll-up and scenarios


def _rollup(chart: Chart) -> str:
    rollup = chart.rollup
    if rollup is None:
        return ""
    page = rollup.items.replace("/", "-")
    rules = [
        [
            code(rule.to),
            code(" ".join(rule.when.text.split())) if rule.when else "otherwise",
            str(rule.basis),
            plain(rule.cite),
        ]
        for rule in rollup.rules
    ]
    said = (
        f"The order follows its items ([{rollup.items}]({page}.md)) by the events {_list(rollup.events)}; "
        f"it does not follow them in {_list(rollup.keep) or 'no state'}.\n"
    )
    return f"{said}\n{grid(['state', 'when', 'basis', 'source'], rules)}"


def _list(names: Iterable[str]) -> str:
    return ", ".join(map(code, names))


def _scenarios(chart: Chart) -> str:
    return (
        grid(["scenario", "what", "expected", "profile"], [_scenario(each) for each in chart.scenarios])
        if chart.scenarios
        else ""
    )


def _scenario(scenario: Scenario) -> list[str]:
    if scenario.codes:
        what = " → ".join(map(code, scenario.codes))
    elif scenario.items:
        what = f"items {_list(scenario.items)}"
    else:
        given = f"in {code(scenario.given)}: " if scenario.given else ""
        what = given + ", then ".join(map(_send, scenario.send))
    expected = [code(scenario.then)] if scenario.then else []
    expected += [f"refused: {code(scenario.refused)}"] if scenario.refused else []
    return [plain(scenario.title), what, ", ".join(expected) or "legal", scenario.profile or ""]


def _send(send: Send) -> str:
    details = [f"by {plain(send.actor)}" if send.actor else "", f"reason {code(send.reason)}" if send.reason else ""]
    details += [f"link {code(rel)}" for rel in send.links] + [f"at {plain(send.now)}" if send.now else ""]
    return " ".join([code(send.event), *filter(None, details)])
