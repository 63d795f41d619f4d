"""Orders in a given state, brought there by the shortest legal way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orderfsm import Conflict, GuardFailed, Refused
from orderfsm.graph import matches_state

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlmodel import Session

    from orderfsm import Chart
    from orderfsm.lifecycle import Lifecycle
    from orderfsm.sqlmodel import Stateful
    from orderfsm.testing import Send, Walk

    from .clock import Clock

__all__ = ["Orders"]


class Orders:
    """Makes orders that are in a given state; what the fixture `orderfsm_orders` is."""

    def __init__(self, session: Session, clock: Clock) -> None:
        self._session = session
        self._clock = clock

    def __call__(
        self,
        lifecycle: Lifecycle,
        state: str,
        order: Stateful | None = None,
        *,
        session: Session | None = None,
        asked: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> Any:
        """An order of the lifecycle in a state, a configuration or a public code; flushed, not committed.

        It is opened and sent what leads there by the shortest way that the chart allows, each time with what is asked
        for: an actor, a reason, links, a payload. What guards read of the order is set on it, where it has attributes
        of these names. Give an `order` of your own (a new one of the store's class otherwise), another `session` than
        the fixture's, and under `asked` what has to go with an event: ``{"accept": {"payload": {"price": 5}}}``.

        Raises LookupError when no way was found; what `Lifecycle.send` raises has a note that tells the way.
        """
        walk = _walk(lifecycle.chart, state)
        made = lifecycle.store.order() if order is None else order
        self._lead(session or self._session, lifecycle, made, walk, asked or {})
        return made

    def _lead(
        self,
        session: Session,
        lifecycle: Lifecycle,
        order: Stateful,
        walk: Walk,
        asked: Mapping[str, Mapping[str, Any]],
    ) -> None:
        for place, send in enumerate(walk.sends):
            if lifecycle.clock is self._clock and send.now is not None and send.now > self._clock():
                self._clock.set(send.now)
            _set(order, send)
            command = lifecycle.send if place else lifecycle.open
            try:
                command(session, order, send.event, **{**send.asked, **asked.get(send.event, {})})
            except (Refused, GuardFailed, Conflict) as error:
                way = ", ".join(map(str, walk.sends))
                error.add_note(
                    f"this was {send.event} on the shortest way to {walk.configuration}: {way}. "
                    f"Give what it needs: asked={{{send.event!r}: {{…}}}}, or an order that the guards accept."
                )
                raise


def _walk(chart: Chart, state: str) -> Walk:
    """The shortest walk to a state."""
    from orderfsm.testing.exploring import explored

    walks = explored(chart).configurations
    found = [walk for text, walk in walks.items() if matches_state(walk.steps[-1].after, state) or text == state]
    if not found:
        known = ", ".join(walks) or "nothing"
        raise LookupError(f"no way to {state} was found in {chart.name} {chart.version}; orders come to {known}")
    return min(found, key=len)


def _set(order: Stateful, send: Send) -> None:
    """Let the order be what guards read of it, as far as it has such attributes and lets them be set."""
    from orderfsm.testing.lifecycle_driver import can_set

    read = (send.facts or {}).get("order")
    for name, value in read.items() if isinstance(read, dict) else ():
        if can_set(order, name):
            setattr(order, name, value)
