"""The words of a script: what is tried in the life of an order, by whom, and when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from orderfsm.history import Actor, Link, Reason
from orderfsm.table import OPEN

__all__ = ["Act", "Life", "Vocabulary"]

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Act:
    """One event that is sent `later` than the act before, to the order or to its item number `item` (from 1).

    `refused` is the code of the error that is expected; `wanted` a state or code that the caller would like to see.
    """

    event: str
    actor: Actor | str
    later: timedelta = HOUR
    item: int | None = None
    reason: Reason | None = None
    links: tuple[Link, ...] = ()
    payload: Mapping[str, Any] | None = None
    refused: str | None = None
    wanted: str | None = None


@dataclass(frozen=True, slots=True)
class Life:
    """An order's life: how it begins, its items, what guards know of it, the acts, and the codes that come of them."""

    title: str
    codes: tuple[str, ...]
    acts: tuple[Act, ...]
    opened_by: Actor | str
    opening: str = OPEN
    items: int = 0
    data: Mapping[str, Any] = field(default_factory=dict)
    shown: bool = False


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The lives of one vocabulary. All of them begin at `begin`; `says` is what its source says about them."""

    chart: str
    begin: datetime
    says: str
    lives: tuple[Life, ...]
    item_actor: str = ""
