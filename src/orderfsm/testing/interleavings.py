"""Strategies for interleavings: the sends of several clients, in one order out of all that there may be."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from hypothesis import strategies as st

from .send import Attempt, Send, Walk
from .walks import walks

if TYPE_CHECKING:
    from orderfsm import Chart

__all__ = ["Interleaving", "Turn", "interleavings"]

Orders = Literal["one", "several"]


@dataclass(frozen=True, slots=True)
class Turn:
    """One send of a client (counted from 0) to an order (likewise)."""

    client: int
    order: int
    send: Send


@dataclass(frozen=True, slots=True)
class Interleaving:
    """What several clients send, one after the other, and what has to become of each turn."""

    turns: tuple[Turn, ...]
    attempts: tuple[Attempt, ...]

    @property
    def orders(self) -> dict[int, Walk]:
        """The walk that each order has made in the end."""
        ends: dict[int, Walk] = {}
        for turn, attempt in zip(self.turns, self.attempts, strict=True):
            taken = attempt.step is not None
            ends[turn.order] = attempt.whole if taken else attempt.walk
        return ends


@st.composite
def interleavings(
    draw: st.DrawFn, chart: Chart, *, clients: int = 2, orders: Orders = "one", longest: int = 6
) -> Interleaving:
    """The walks of several clients, interleaved.

    With `orders="several"` each client has an order of its own, and everything it sends is legal. With "one" all of
    them send to the same order, each what it would send were it alone, so that some of it is refused. What becomes of
    each turn is what the chart makes of the turns one after the other. It shrinks to one client after the other. Raises
    ValueError, while drawing, for less than one client, and for other orders than these.
    """
    if clients < 1 or orders not in ("one", "several"):
        raise ValueError(
            f'clients={clients}, orders={orders!r}: give at least one client, and orders "one" or "several"'
        )
    planned = [list(draw(walks(chart, longest=longest)).sends) for _ in range(clients)]
    for others in planned[1:] if orders == "one" else ():
        del others[0]
    waiting = [(client, sends) for client, sends in enumerate(planned) if sends]
    turns: list[Turn] = [Turn(0, 0, planned[0].pop(0))] if orders == "one" else []
    while waiting := [(client, sends) for client, sends in waiting if sends]:
        client, sends = waiting[draw(st.integers(0, len(waiting) - 1))]
        turns.append(Turn(client, 0 if orders == "one" else client, sends.pop(0)))
    return _judged(chart, turns)


def _judged(chart: Chart, turns: list[Turn]) -> Interleaving:
    """The turns with what the chart makes of them; time never runs backwards in one order."""
    ends: dict[int, Walk] = {}
    made: list[tuple[Turn, Attempt]] = []
    for turn in turns:
        walk = ends.get(turn.order, Walk(chart))
        send = turn.send
        if walk.now is not None and send.now is not None:
            send = replace(send, now=max(walk.now, send.now))
        attempt = Attempt.judged(walk, send)
        ends[turn.order] = walk.after(send, attempt.step) if attempt.step is not None else walk
        made.append((replace(turn, send=send), attempt))
    return Interleaving(tuple(turn for turn, _ in made), tuple(attempt for _, attempt in made))
