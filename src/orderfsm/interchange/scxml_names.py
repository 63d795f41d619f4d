"""The words of SCXML that reading and writing share."""

from __future__ import annotations

from orderfsm.chart import Kind

__all__ = ["NAMESPACE", "OURS", "OWN", "TAGS"]

NAMESPACE = "http://www.w3.org/2005/07/scxml"

OURS = "urn:orderfsm"
"""The namespace of the attributes `code`, `category` and `internal`, which SCXML has no words for."""

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
