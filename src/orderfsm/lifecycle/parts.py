"""What a lifecycle is made of: each of the type that it is taken for, told where the lifecycle is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from orderfsm.chart import Chart
from orderfsm.sqlmodel.store import SqlStore

from .claims import Claims
from .correcting import Corrections
from .holding import Holding
from .parent import Parent

__all__ = ["verify_parts"]


def verify_parts(
    store: Any,
    guards: Any,
    facts: Any,
    clock: Any,
    parent: Any,
    holding: Any,
    corrections: Any,
    claims: Any,
    former: Any,
) -> None:
    """Raise TypeError for the first of these that is something else than a lifecycle takes."""
    _verify("store", store, SqlStore, "a SqlStore: SqlStore(Order, OrderHistory)")
    if facts is not None and not callable(facts):
        raise TypeError(f"facts is {facts!r}; give a function of a session and an order, or None")
    if not callable(clock):
        raise TypeError(f"clock is {clock!r}; give a function that answers an aware datetime")
    for name, given, kind, wanted in (
        ("guards", guards, Mapping, "a mapping of names to functions"),
        ("parent", parent, Parent, "a Parent"),
        ("holding", holding, Holding, "a Holding"),
        ("corrections", corrections, Corrections, "Corrections"),
        ("claims", claims, Claims, "Claims"),
    ):
        if given is not None:
            _verify(name, given, kind, f"{wanted} or None")
    if not isinstance(former, Sequence) or not all(isinstance(chart, Chart) for chart in former):
        raise TypeError(f"former is {former!r}; give a list of charts")
    for name, guard in (guards or {}).items():
        if not callable(guard):
            raise TypeError(f"the guard {name} is {guard!r}; give a function")


def _verify(name: str, given: object, kind: type, wanted: str) -> None:
    if not isinstance(given, kind):
        raise TypeError(f"{name} is {given!r}; give {wanted}")
