"""The words of SCXML that reading and writing share."""

from __future__ import annotations

from orderfsm.chart import Kind

__all__ = ["BEGIN", "NAMESPACE", "OURS", "OWN", "TAGS"]

NAMESPACE = "http://www.w3.org/2005/07/scxml"

OURS = "urn:orderfsm"
"""The namespace of what SCXML has no words for: <start>, and the attributes `code`, `category` and `internal`."""

BEGIN = "orderfsm:start"
"""The element for a transition that begins an order, with the attributes of <transition>."""

OWN = "x-orderfsm"
"""The data model whose conditions are guards of orderfsm, and the type of a <send> that emits an action."""

TAGS = {
    Kind.ATOMIC: "state",
    Kind.COMPOUND: "state",
    Kind.PARALLEL: "parallel",
    Kind.FINAL: "final",
    Kind.SHALLOW: "history",
    Kind.DEEP: "history",
}
