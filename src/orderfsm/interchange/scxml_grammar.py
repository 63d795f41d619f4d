"""Which elements and attributes of SCXML are read, and where they may stand."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from .scxml_names import BEGIN, NAMESPACE, OURS

if TYPE_CHECKING:
    from .element import Element

__all__ = ["STATES", "verify"]

STATES = ("state", "parallel", "final", "history")

_CONTENT = {"raise", "send", "cancel", "log"}
_INSIDE = {
    "scxml": {"state", "parallel", "final", "initial", "datamodel", BEGIN},
    "state": {"state", "parallel", "final", "history", "initial", "onentry", "onexit", "transition", "datamodel"},
    "parallel": {"state", "parallel", "history", "onentry", "onexit", "transition", "datamodel"},
    "final": {"onentry", "onexit"},
    "history": {"transition"},
    "initial": {"transition"},
    "transition": _CONTENT,
    BEGIN: _CONTENT,
    "onentry": _CONTENT,
    "onexit": _CONTENT,
    **{tag: set[str]() for tag in (*_CONTENT, "datamodel")},
}
_ATTRIBUTES = {
    "scxml": ("initial", "name", "version", "datamodel", "binding"),
    "state": ("id", "initial"),
    "parallel": ("id",),
    "final": ("id",),
    "history": ("id", "type"),
    "transition": ("event", "cond", "target", "type"),
    BEGIN: ("event", "cond", "target"),
    "raise": ("event",),
    "send": ("event", "target", "type", "id", "delay", "delayexpr"),
    "cancel": ("sendid",),
}
_LEFT_OUT = {
    **dict.fromkeys(("datamodel", "data", "assign", "script", "param", "content", "donedata"), "charts hold no data"),
    **dict.fromkeys(("invoke", "finalize"), "charts call nothing"),
    **dict.fromkeys(("if", "elseif", "else", "foreach"), "executable content does not branch"),
}
_REMEDIES = {
    "charts hold no data": "read it from the facts in a guard",
    "charts call nothing": "emit an action, and let its result come back as an event",
    "executable content does not branch": "write one transition per case, each with a cond",
}


def verify(root: Element) -> None:
    """Raise DocumentError or UnsupportedFeature at the first element that is not read; drop foreign annotations."""
    if (root.namespace, root.tag) != (NAMESPACE, "scxml"):
        seen = f"in the namespace {root.namespace}" if root.namespace else "in no namespace"
        raise root.wrong(f"the outermost element is {root.tag} {seen}", f'write <scxml xmlns="{NAMESPACE}">')
    _verify(root)


def _verify(element: Element) -> None:
    _verify_attributes(element)
    for child in element.children:
        if (child.namespace, f"orderfsm:{child.tag}") == (OURS, BEGIN):
            child.namespace, child.tag = NAMESPACE, BEGIN
    element.children = [child for child in element.children if not _annotation(child, element)]
    for child in element.children:
        _verify_place(child, element)
        _verify(child)


def _annotation(child: Element, parent: Element) -> bool:
    """Whether an element says nothing to us: in another namespace, and not where it could be executed."""
    foreign = child.namespace not in (NAMESPACE, "") and child.tag not in _INSIDE
    return foreign and parent.tag not in ("transition", "onentry", "onexit")


def _verify_place(child: Element, parent: Element) -> None:
    if child.namespace != NAMESPACE and (child.tag in _INSIDE or not child.namespace):
        raise child.wrong(f"an element of {child.namespace or 'no namespace'}", f"SCXML's namespace is {NAMESPACE}")
    if child.namespace != NAMESPACE:
        raise child.left_out("executable content of another namespace", "emit an action")
    why = _LEFT_OUT.get(child.tag)
    if why and not (child.tag == "datamodel" and not child.children):
        raise child.left_out(why, _REMEDIES[why])
    if child.tag not in _INSIDE[parent.tag]:
        allowed = ", ".join(sorted(_INSIDE[parent.tag] - {"datamodel", BEGIN})) or "nothing"
        raise child.wrong(f"may not stand in <{parent.tag}>", f"allowed here: {allowed}")


def _verify_attributes(element: Element) -> None:
    """Raise DocumentError for what is probably a slip of the pen; attributes of other tools are passed over."""
    known = _ATTRIBUTES.get(element.tag, ())
    for name in element.attributes:
        near = [] if name in known or " " in name else get_close_matches(name, known, 1, 0.75)
        if near:
            raise element.wrong(f"an attribute called {name}", f"did you mean {near[0]}?")
