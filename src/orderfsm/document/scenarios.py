"""The scenarios of a document: executable examples of a chart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orderfsm.chart import Scenario, Send

from .grammar import DATA
from .nodes import (
    ListNode,
    MappingNode,
    ScalarNode,
    fields_of,
    is_true,
    remedy_for,
    scalars_of,
    shown,
    text_of,
    texts_of,
)

if TYPE_CHECKING:
    from .names import Names
    from .nodes import Node

__all__ = ["Scenarios"]

_KINDS = ("codes", "send", "items")
_ALONE = {"given": "send", "at": "send"}


@dataclass(frozen=True, slots=True)
class Scenarios:
    """Reads scenarios; `codes` are the words that a trace may name."""

    names: Names
    codes: tuple[str, ...]

    def scenario(self, node: Node) -> Scenario:
        """One scenario."""
        fields = fields_of(node)
        refused = text_of(fields.get("refused")) or None
        self.check_kind(node, fields)
        self.check_codes(fields, refused)
        given = fields.get("given")
        return Scenario(
            text_of(fields["title"]),
            codes=texts_of(fields.get("codes")),
            given=self.names.one("state", given) if given is not None else None,
            at=self.names.moment(fields.get("at")),
            send=self.sends(fields.get("send"), refused),
            items=texts_of(fields.get("items")),
            then=text_of(fields.get("then")) or None,
            refused=refused,
            profile=text_of(fields.get("profile")) or None,
            source=text_of(fields.get("source")),
            position=node.position,
        )

    # --- what fits together

    def check_kind(self, node: Node, fields: dict[str, Node]) -> None:
        """Report a scenario that asks nothing, or several things at once."""
        kinds = [kind for kind in _KINDS if kind in fields]
        if len(kinds) != 1:
            message = f"a scenario has {' and '.join(kinds)}" if kinds else "a scenario asks nothing"
            self.names.report.add(node, message, "give it one of `codes`, `send` and `items`")
        for key, kind in _ALONE.items():
            if key in fields and kind not in fields:
                self.names.report.add(fields[key], f"`{key}` stands without `{kind}`", f"`{key}` goes with `{kind}`")
        if "items" in fields and "then" not in fields and "refused" not in fields:
            self.names.report.add(node, "a roll-up scenario expects nothing", "add `then`")

    def check_codes(self, fields: dict[str, Node], refused: str | None) -> None:
        """Report codes that the chart lacks; the last one may be unknown when a refusal is expected."""
        traced = scalars_of(fields.get("codes"))
        for scalar in traced[:-1] if refused else traced:
            if scalar.text not in self.codes:
                self.names.report.add(
                    scalar, f"{shown(scalar.text)} is no code of this chart", remedy_for(scalar.text, self.codes)
                )
        then = fields.get("then")
        words = {*self.codes, *self.names.known["state"]}
        if then is not None and text_of(then) not in words and text_of(then).isidentifier():
            self.names.report.add(
                then, f"{shown(text_of(then))} is no state or code", remedy_for(text_of(then), sorted(words))
            )

    # --- sends

    def sends(self, node: Node | None, refused: str | None) -> tuple[Send, ...]:
        """The sends of a scenario; what is refused is the last one."""
        items = node.items if isinstance(node, ListNode) else []
        last = len(items) - 1
        return tuple(self.send(item, refused if place == last else None) for place, item in enumerate(items))

    def send(self, node: Node, refused: str | None) -> Send:
        """One send. An event or an actor may be unknown when that is what the refusal is about."""
        fields: dict[str, Node] = {"event": node} if isinstance(node, ScalarNode) else fields_of(node)
        event, actor = fields["event"], fields.get("actor")
        self.check_guards(fields.get("guards"))
        return Send(
            text_of(event) if refused == "unknown-event" else self.names.one("event", event),
            actor=(text_of(actor) if refused else self.names.one("actor", actor)) or None,
            reason=text_of(fields.get("reason")) or None,
            links=texts_of(fields.get("links")),
            payload=_data(fields, "payload"),
            facts={key: _data(fields, key) for key in ("order", "items") if key in fields} or None,
            now=self.names.moment(fields.get("now")),
            guards={key.text: is_true(answer) for key, answer in _entries(fields.get("guards"))},
        )

    def check_guards(self, node: Node | None) -> None:
        """Report answers of guards that are not declared."""
        for key, _ in _entries(node):
            self.names.one("guard", key)


def _entries(node: Node | None) -> list[tuple[ScalarNode, Node]]:
    return list(node) if isinstance(node, MappingNode) else []


def _data(fields: dict[str, Node], key: str) -> Any:
    """The free data under a key; None when there is none."""
    return DATA[key].content(fields[key]) if key in fields else None
