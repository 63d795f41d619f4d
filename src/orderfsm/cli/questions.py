"""Answers to questions: is the chart sound, is a life legal, what may happen here and why not."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orderfsm.errors import Blocker, Refused, UnknownChart
from orderfsm.expression import parse_timestamp
from orderfsm.graph import path
from orderfsm.history import Link
from orderfsm.step import blockers
from orderfsm.table import compile
from orderfsm.trace import trace as follow

from .answer import Answer, Grid, Heading, Misused, Verbatim
from .charts import open_chart, reason, resolve

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from orderfsm.cell import Case, Cell, Step
    from orderfsm.chart import Chart

    from .answer import Block

__all__ = ["Asked", "check", "explain", "trace"]

HREF = "https://example.org/"
"""Where a link leads that a question only names by its rel; links are never fetched."""


# --- check


def check(names: Sequence[str], profile: str, format: str) -> Answer:
    """The findings of charts; 1 when one of them is an error. The chart of an order's items is read with it."""
    from orderfsm import catalogue, checks, report

    charts = [open_chart(name, profile) for name in names or catalogue.names()]
    items = [_items(chart, profile) for chart in charts]
    found = [each for chart, item in zip(charts, items, strict=True) for each in checks.check(chart, items=item)]
    findings = [replace(finding, filename=_near(finding.filename)) for finding in found]
    code = int(any(finding.severity == "error" for finding in findings))
    if format == "sarif":
        data = json.loads(report.sarif(findings))
        return Answer(data, [Verbatim(json.dumps(data, indent=2))], code)
    said = [*map(str, findings), *_unproved(charts, items), f"charts: {len(charts)}, findings: {len(findings)}"]
    return Answer(json.loads(report.json(findings)), said, code)


def _near(filename: str) -> str:
    """A file's path from the current directory, when the file lies below it."""
    path, here = Path(filename), Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else filename


def _items(chart: Chart, profile: str) -> Chart | None:
    """The chart of the items that a roll-up names: in the catalogue, else in a file of that name beside the chart."""
    if chart.rollup is None:
        return None
    try:
        return open_chart(chart.rollup.items, profile)
    except UnknownChart:
        beside = Path(chart.filename).with_name(chart.rollup.items.rpartition("/")[2] + ".yaml")
        return open_chart(str(beside), profile) if beside.is_file() else None


def _unproved(charts: Sequence[Chart], items: Sequence[Chart | None]) -> Iterator[str]:
    for chart, item in zip(charts, items, strict=True):
        if chart.rollup is not None and item is None:
            yield f"{chart.name}: the roll-up was not proved, for there is no chart {chart.rollup.items}"


# --- trace


def trace(name: str, profile: str, codes: Sequence[str]) -> Answer:
    """The steps of a legal life that shows the codes; refused: the place of the first code that none shows."""
    chart = open_chart(name, profile)
    data: dict[str, Any] = {"chart": chart.name, "profile": chart.profile, "codes": list(codes)}
    try:
        steps = follow(chart, codes)
    except Refused as refused:
        data |= {"legal": False, "index": refused.index, "refused": refusal(refused.code, refused.blockers)}
        told = [f"{place}  {code}" for place, code in enumerate(codes[: refused.index])]
        return Answer(
            data, [*told, f"{refused.index}  {codes[refused.index or 0]}  refused", *_because(refused.blockers)], 1
        )
    data |= {"legal": True, "steps": [_told(step) for step in steps]}
    rows = [
        [str(place), code, step.event, str(step.after)]
        for place, (code, step) in enumerate(zip(codes, steps, strict=True))
    ]
    return Answer(data, [Grid(("", "code", "event", "configuration"), rows), "legal"])


def _told(step: Step) -> dict[str, Any]:
    return {"event": step.event, "before": step.before, "after": str(step.after), "code": step.after.code}


def refusal(code: str, found: Iterable[Blocker]) -> dict[str, Any]:
    """A refusal as JSON."""
    told = [{"code": b.code, "message": b.message, "parameters": dict(b.parameters)} for b in found]
    return {"code": code, "blockers": told}


def _because(found: Iterable[Blocker]) -> Iterator[str]:
    for blocker in found:
        yield f"   {blocker.code}: {blocker.message}"


# --- explain


@dataclass(frozen=True, slots=True)
class Asked:
    """An event with what comes along, as typed: payload and facts are JSON, links are rels, now is a timestamp."""

    event: str | None = None
    actor: str | None = None
    reason: str | None = None
    links: tuple[str, ...] = ()
    payload: str | None = None
    facts: str | None = None
    now: str | None = None

    def blockers(self, chart: Chart, configuration: str) -> tuple[Blocker, ...]:
        """Why the event may not happen there; () when it may."""
        return blockers(
            chart,
            configuration,
            self.event or "",
            actor=self.actor,
            reason=self.reason,
            links=_links(self.links),
            payload=_mapping("--payload", self.payload),
            facts=_mapping("--facts", self.facts),
            now=_moment(self.now),
        )


def _links(rels: Iterable[str]) -> list[Link]:
    try:
        return [Link(rel, HREF) for rel in rels]
    except ValueError as error:
        raise Misused(f"--link: {error}") from None


def _mapping(option: str, text: str | None) -> Mapping[str, Any] | None:
    try:
        found = None if text is None else json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Misused(f"{option} is not JSON: {error}") from None
    if found is not None and not isinstance(found, dict):
        raise Misused(f"{option} is a JSON object, for example '{{\"assets\": []}}'")
    return found


def _moment(text: str | None) -> datetime | None:
    try:
        return None if text is None else parse_timestamp(text)
    except ValueError as error:
        raise Misused(f"--now: {error}") from None


def explain(name: str, profile: str, configuration: str, asked: Asked, *, to: str | None) -> Answer:
    """What is enabled in a configuration and what it takes; why one event is refused; the shortest way to a state."""
    chart = open_chart(name, profile)
    here = compile(chart).configurations[resolve(chart, configuration)]
    data: dict[str, Any] = {
        "chart": chart.name,
        "profile": chart.profile,
        "configuration": str(here),
        "code": here.code,
        "category": here.category,
        "final": here.final,
    }
    blocks: list[Block] = [Heading(f"{chart.name} {chart.version} ({chart.profile}): {_place(here, here.code)}")]
    code = 0
    for part in (_enabled(chart, here, asked), _asked(chart, here, asked), _way(chart, here, to)):
        data |= part.data
        blocks += part.blocks
        code = max(code, part.code)
    return Answer(data, blocks, code)


def _place(configuration: str, code: str | None) -> str:
    return configuration if code in (None, configuration) else f"{configuration} ({code})"


def _enabled(chart: Chart, here: str, asked: Asked) -> Answer:
    row = compile(chart).rows[here]
    told = {event: _cases(chart, cell) for event, cell in row.items() if asked.event in (None, event)}
    data = {"enabled": list(row), "events": told}
    if not row:
        return Answer(data, ["an end: nothing leads out of it"])
    rows = [[event, *_case_row(case)] for event, cases in told.items() for case in cases]
    head = ("event", "leads to", "by", "when", "needs", "basis")
    return Answer(data, [f"enabled here: {', '.join(row)}", *([Grid(head, rows)] if rows else [])])


def _cases(chart: Chart, cell: Cell) -> list[dict[str, Any]]:
    return [_case(chart, case, case.step) for case in cell.cases() if case.step is not None]


def _case(chart: Chart, case: Case, step: Step) -> dict[str, Any]:
    """One way in which an event can go: the answers of its guards, where it leads, what has to come along."""
    demand = step.demand
    closed = () if chart.reasons.open or demand.reason.codes else tuple(chart.reasons.codes)
    return {
        "after": str(step.after),
        "code": step.after.code,
        "when": [("" if answer else "not ") + choice.guard.text for choice, answer in case.answers],
        "by": [list(one) for one in demand.by],
        "reason": reason(demand.reason) | ({"codes": list(closed)} if closed else {}),
        "links": list(demand.links),
        "payload": {field.name: field.type + ("" if field.required else "?") for field in demand.payload},
        "emits": list(step.actions),
        "basis": [str(transition.basis) for transition in step.transitions],
    }


def _case_row(case: dict[str, Any]) -> list[str]:
    needs = [f"reason ({', '.join(case['reason']['codes']) or 'any'})"] if case["reason"]["mode"] == "required" else []
    needs += [f"link {rel}" for rel in case["links"]]
    needs += [f"payload.{name}: {kind}" for name, kind in case["payload"].items() if not kind.endswith("?")]
    by = " and ".join(" or ".join(one) for one in case["by"]) or "anyone"
    basis = ", ".join(dict.fromkeys(case["basis"]))
    return [_place(case["after"], case["code"]), by, " and ".join(case["when"]), ", ".join(needs), basis]


def _asked(chart: Chart, here: str, asked: Asked) -> Answer:
    if asked.event is None:
        return Answer({}, [])
    found = asked.blockers(chart, here)
    data = {"event": asked.event, "allowed": not found} | ({"refused": refusal(found[0].code, found)} if found else {})
    return Answer(data, [f"{asked.event}: {'refused' if found else 'may happen'}", *_because(found)], int(bool(found)))


def _way(chart: Chart, here: str, to: str | None) -> Answer:
    if to is None:
        return Answer({}, [])
    wanted = chart.aliases.get(to, to)
    _known(chart, wanted)
    steps = path(chart, here, wanted)
    if steps is None:
        return Answer({"to": to, "way": None}, [f"no way leads from {here} to {to}"], 1)
    events = [step.event for step in steps]
    said = f"the shortest way to {to}: {', '.join(events)}" if events else f"this is {to} already"
    return Answer({"to": to, "way": [_told(step) for step in steps]}, [said])


def _known(chart: Chart, name: str) -> None:
    if name not in chart.by_name and name not in chart.codes and name not in compile(chart).configurations:
        raise Misused(f"--to: {chart.name} has no state or code {name!r}; it has {', '.join(chart.codes)}")
