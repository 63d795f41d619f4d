"""Reading: from the nodes of a document to its Chart."""

from __future__ import annotations

import hashlib
import json
import re
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING

from orderfsm.chart import Basis, Chart, Reasons, Rollup, RollupRule, Rule

from .arrows import Arrows
from .composer import compose
from .grammar import CHART
from .hierarchy import Hierarchy
from .names import Names
from .nodes import (
    ListNode,
    MappingNode,
    Report,
    ScalarNode,
    fields_of,
    is_true,
    remedy_for,
    scalars_of,
    shown,
    text_of,
    texts_of,
)
from .scenarios import Scenarios

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from orderfsm.chart import Position, Scenario

    from .nodes import Node

__all__ = ["read", "structure"]

SPELLING_LIMIT = 200


def read(text: str, *, filename: str = "<text>", profile: str = "full") -> Chart:
    """The chart that the document describes, under a profile: `full`, or `strict` (stated and documented arrows only).

    `filename` is what errors call the document. Raises DocumentError.
    """
    if not isinstance(text, str):
        raise TypeError(f"text is what the document says, not {type(text).__name__}; orderfsm.load reads files")
    return _Document(text.removeprefix("\ufeff"), filename).chart().restricted(profile)


def structure(text: str, *, filename: str = "<text>") -> MappingNode:
    """The nodes of a document in which every key is known and every value has its type; names are not looked up yet.

    Raises DocumentError.
    """
    root = compose(text, filename=filename)
    report = Report(filename)
    CHART.check(root, report)
    report.close()
    assert isinstance(root, MappingNode)  # noqa: S101  checked
    return root


class _Document:
    """One document on its way to a chart."""

    def __init__(self, text: str, filename: str) -> None:
        self.root = structure(text, filename=filename)
        self.fields = fields_of(self.root)
        self.report = Report(filename)
        self.hierarchy = Hierarchy(self.report)
        self.names = Names(self.report, text)

    def chart(self) -> Chart:
        """The full chart. Raises DocumentError for names that lead nowhere and structures that mean nothing."""
        self.hierarchy.fill(self.fields["states"])
        self.hierarchy.settle()
        self.names.known = self.known()
        arrows = Arrows(self.names, self.hierarchy)
        events = tuple(arrows.event(key, node) for key, node in _entries(self.fields.get("events")))
        arrows.eventless(self.fields.get("always"))
        chart = Chart(
            self.text("chart"),
            self.hierarchy.states(self.names),
            tuple(sorted(arrows.transitions, key=lambda t: (t.position.line, t.position.column))),
            initial=self.hierarchy.targets(self.names, self.fields["initial"]),
            events=events,
            reasons=self.reasons(),
            rules=tuple(Rule(rule.text, rule.position) for rule in scalars_of(self.fields.get("rules"))),
            rollup=self.rollup(),
            filename=self.report.filename,
            positions=dict(self.positions()),
        )
        aliases = self.aliases(chart)
        chart = replace(self.titled(chart), aliases=aliases, scenarios=self.scenarios(chart, aliases))
        self.report.close()
        return chart

    def titled(self, chart: Chart) -> Chart:
        """The chart with its head: everything that refers to nothing else."""
        return replace(
            chart,
            version=self.version(),
            title=self.text("title"),
            description=self.text("description"),
            source=self.descriptions("source"),
            guards=self.descriptions("guards"),
            links=self.descriptions("links"),
            actors=self.descriptions("actors"),
            actions=self.descriptions("actions"),
            spelling=self.spelling(),
            quirks=texts_of(self.fields.get("quirks")),
            hash=_digest(self.root),
        )

    # --- the head

    def text(self, key: str) -> str:
        return text_of(self.fields.get(key))

    def version(self) -> str:
        """The version; reported when it has no quotes: the next reader would make a number or a date of it."""
        version = self.fields["version"]
        if isinstance(version, ScalarNode) and version.plain:
            self.report.add(version, f"the version {version.text} has no quotes", f'write version: "{version.text}"')
        return text_of(version)

    def spelling(self) -> str:
        """The regular expression of public codes; reported when it is none."""
        spelling = self.text("spelling")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                re.compile(spelling[:SPELLING_LIMIT])
        except (re.error, OverflowError, RecursionError, Warning) as error:
            self.report.add(self.fields["spelling"], f"{shown(spelling)} is not a regular expression: {error}")
        if len(spelling) > SPELLING_LIMIT:
            self.report.add(
                self.fields["spelling"], f"the spelling has more than {SPELLING_LIMIT} characters", "shorten it"
            )
        return spelling

    def descriptions(self, key: str) -> dict[str, str]:
        return {name.text: text_of(text) for name, text in _entries(self.fields.get(key))}

    def reasons(self) -> Reasons:
        reasons = fields_of(self.fields.get("reasons"))
        codes = {code.text: text_of(text) for code, text in _entries(reasons.get("codes"))}
        return Reasons(codes, open=is_true(reasons["open"]) if "open" in reasons else True)

    def known(self) -> dict[str, Mapping[str, object]]:
        """What is declared, by kind, as Names looks it up."""
        reasons = fields_of(self.fields.get("reasons"))
        known: dict[str, Mapping[str, object]] = {
            "state": self.hierarchy.seats,
            "event": fields_of(self.fields.get("events")),
            "actor": fields_of(self.fields.get("actors")),
            "action": fields_of(self.fields.get("actions")),
            "guard": fields_of(self.fields.get("guards")),
            "reason code": fields_of(reasons.get("codes")),
        }
        if "links" in self.fields:
            known["link relation"] = fields_of(self.fields["links"])
        return known

    def positions(self) -> Iterator[tuple[str, Position]]:
        """Where the keys of the head and the names below them stand: `guards.credit_ok`, `reasons.codes.sold_out`."""
        for key, node in self.root:
            yield key.text, key.position
            if key.text in ("guards", "actors", "actions", "links", "source"):
                yield from ((name.path, name.position) for name, _ in _entries(node))
            if key.text in ("reasons", "codes"):
                for inner, below in _entries(node):
                    yield from ((name.path, name.position) for name, _ in _entries(below))
                    yield inner.path, inner.position

    # --- words, examples

    def aliases(self, chart: Chart) -> dict[str, str]:
        """Words accepted on input, each with the code that it stands for."""
        codes = fields_of(self.fields.get("codes"))
        aliases: dict[str, str] = {}
        for seen, code in _entries(codes.get("aliases")):
            if text_of(code) not in chart.codes:
                self.report.add(
                    code, f"{shown(text_of(code))} is no code of this chart", remedy_for(text_of(code), chart.codes)
                )
            if seen.text in chart.codes:
                self.report.add(seen, f"{shown(seen.text)} is a code itself", "an alias is a word that the chart lacks")
            aliases[seen.text] = text_of(code)
        return aliases

    def scenarios(self, chart: Chart, aliases: Mapping[str, str]) -> tuple[Scenario, ...]:
        """The executable examples, in document order."""
        node = self.fields.get("scenarios")
        reader = Scenarios(self.names, (*chart.codes, *aliases))
        return tuple(reader.scenario(item) for item in node.items) if isinstance(node, ListNode) else ()

    # --- the roll-up

    def rollup(self) -> Rollup | None:
        """How the order follows its items, if it does."""
        if "rollup" not in self.fields:
            return None
        fields = fields_of(self.fields["rollup"])
        rules = fields["rules"]
        assert isinstance(rules, ListNode)  # noqa: S101  checked
        self.check_otherwise(rules)
        return Rollup(
            text_of(fields["items"]),
            rules=tuple(self.rule(rule) for rule in rules.items),
            events=self.names.all("event", fields["events"]),
            keep=self.names.all("state", fields.get("keep")),
            position=self.root.entries["rollup"][0].position,
        )

    def rule(self, node: Node) -> RollupRule:
        fields = fields_of(node)
        return RollupRule(
            self.names.expression(fields.get("when")),
            self.names.one("state", fields["to"]),
            basis=Basis(text_of(fields.get("basis")) or Basis.INFERRED),
            cite=text_of(fields.get("source")),
            position=node.position,
        )

    def check_otherwise(self, rules: ListNode) -> None:
        """Report an `otherwise` that is not true, or not the last rule."""
        for place, rule in enumerate(rules.items, 1):
            otherwise = fields_of(rule).get("otherwise")
            if otherwise is not None and not is_true(otherwise):
                self.report.add(otherwise, "`otherwise` is true or left out", "write `when`, or otherwise: true")
            if otherwise is not None and place < len(rules.items):
                self.report.add(otherwise, "rules stand below `otherwise`", "make it the last rule")


def _entries(node: Node | None) -> Iterator[tuple[ScalarNode, Node]]:
    """Keys and values of a mapping; none when it is absent."""
    return iter(node) if isinstance(node, MappingNode) else iter(())


def _digest(root: MappingNode) -> str:
    """The SHA-256 of what the document says; comments, layout and the order of known keys do not change it."""
    content = json.dumps(CHART.content(root), ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(content.encode()).hexdigest()
