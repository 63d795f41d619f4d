"""How an order follows its items: its row is touched first, then the items are looked at, then what fits is sent.

Whoever changes an item updates the order's row before reading the other items. So of two last items that finish
together, the second waits, sees the end of the first, and the order ends too. If both looked first, each would see the
other still open, and the order would stay open for ever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orderfsm.chart import START
from orderfsm.errors import ChartError, Conflict, OrderFsmError, UnsoundChart
from orderfsm.history import ADOPTED
from orderfsm.rollup import rollup
from orderfsm.rollup.follow import facts_of, kept

from .parent import named
from .request import Request

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy.orm import Session

    from orderfsm.cell import Configuration, Step
    from orderfsm.history import Actor, Entry
    from orderfsm.sqlmodel.bases import Stateful

    from .binding import Binding, Decision
    from .parent import Found, Parent, Source
    from .written import Written

__all__ = ["Items", "RollUp"]

ROLLUP = "rollup"
"""The origin of the entries that a roll-up writes."""

UNOPENED = {"code": None, "state": START, "category": None, "final": False}
"""What guards see of an item that has not been opened."""


class Items:
    """The items of a lifecycle's orders, from every table that was joined to it; a Follower of the orders' entries."""

    def __init__(self, orders: Binding) -> None:
        self._orders = orders
        self._sources: dict[Any, Source] = {}
        self.actor: Actor | str | None = None

    def join(self, source: Source, actor: Actor | str | None) -> None:
        """Take in the items of one more table; raises ChartError when the chart of the orders does not follow them."""
        chart, joined = self._orders.chart, source.items.chart.name
        if chart.rollup is None:
            raise ChartError(f"{chart.name} has no roll-up; add `rollup` to it, or leave `parent` out for {joined}")
        if chart.rollup.items != joined:
            raise ChartError(f"{chart.name} follows items of {chart.rollup.items}, not of {joined}")
        self._sources[source.table] = source
        self.actor = actor

    # --- looking

    def read(self, session: Session, order: Stateful) -> list[Found]:
        """The items of an order, table by table."""
        key = self._orders.store.identity(order)
        return [found for source in self._sources.values() for found in source.read(session, key)] if key else []

    def facts(self, session: Session, order: Stateful) -> list[dict[str, Any]]:
        """What guards see of the items: code, state, category and final of each."""
        found = self.read(session, order)
        return [UNOPENED if item.configuration is None else facts_of(item.configuration, None) for item in found]

    # --- following

    def bring(
        self, session: Session, order: Stateful, actor: Actor | str | None, caused_by: str | None = None
    ) -> tuple[Entry, ...]:
        """Send an order what brings it to where its items say it belongs; () when it is there or does not follow.

        The order's row must have been written or touched in this transaction. As long as the order or one of its items
        has not been opened, the order does not follow. Without `caused_by`, the items' last entries are the cause.
        """
        _, revision = self._orders.store.position(session, order)
        found = self.read(session, order) if revision else []
        mix = [item.configuration for item in found if item.configuration is not None]
        if not mix or len(mix) < len(found):
            return ()
        told = caused_by or " ".join(item.entry for item in found)
        return tuple(self._sent(session, order, mix, actor, told))

    def _sent(
        self, session: Session, order: Stateful, mix: list[Configuration], actor: Actor | str | None, caused_by: str
    ) -> Iterator[Entry]:
        """The entries of one roll-up. Where a guard leads elsewhere than planned, the way is looked up anew."""
        orders, been = self._orders, set[str]()
        while (here := str(orders.store.position(session, order)[0])) not in been:
            been.add(here)
            for step in rollup(orders.chart, here, mix):
                request = Request(step.event, step.event, actor, ROLLUP, None, (), None, caused_by=caused_by)
                request.settle(orders.clock())
                entry = orders._carry_out(session, order, request, orders._next)
                yield entry
                if entry.after != step.after:
                    break
            else:
                return
        raise UnsoundChart(f"{orders.chart.name}: the guards lead the roll-up back to {here}; it would go on for ever")

    # --- after an entry of the order's own

    def concerns(self, decided: Decision) -> bool:
        """Whether the order begins to follow its items with this step: it goes where they have been all the time."""
        return self._begins(decided.before, str(decided.after))

    def may_refuse(self, session: Session, order: Stateful, decided: Decision) -> bool:
        """Whenever it begins to follow: the items may want what the order cannot do."""
        return self.concerns(decided)

    def recorded(self, session: Session, order: Stateful, entry: Entry, step: Step | None) -> None:
        """Let an order follow that has been opened, or has left a state in which it does not; corrections stay."""
        if entry.origin != ROLLUP and (step or entry.event == ADOPTED) and self._begins(entry.before, entry.after):
            identity = self._orders.store.identity(order)
            self.bring(session, order, self.actor, named(self._orders, identity, entry.sequence))

    def _begins(self, before: str | None, after: str) -> bool:
        return not self._follows(before) and self._follows(after)

    def _follows(self, configuration: str | None) -> bool:
        here = self._orders.table.configurations.get(configuration or START)
        rules = self._orders.chart.rollup
        return here is not None and rules is not None and not kept(rules, here)


class RollUp:
    """After each entry of an item its order follows."""

    def __init__(self, items: Binding, parent: Parent, source: Source) -> None:
        self._items = items
        self._parent = parent
        self._source = source

    def may_refuse(self, session: Session, item: Stateful, decided: Decision) -> bool:
        """Always: the order's rules and guards have their say."""
        return True

    def recorded(self, session: Session, item: Stateful, entry: Entry, step: Step | None) -> None:
        """Touch the order's row, then look at its items, then write what follows."""
        key = self._source.order_of(item)
        if key is not None:
            orders, parent = self._parent.orders, self._parent
            order = touched(orders, session, key)
            cause = named(self._items, self._items.store.identity(item), entry.sequence)
            orders.items.bring(session, order, parent.actor, cause)  # type: ignore[union-attr]

    def recorded_many(self, session: Session, written: Sequence[Written]) -> set[Any]:
        """After entries of many items each of their orders follows, once; the items whose orders do not.

        The orders come by their keys. What was written has to be undone when there are such items.
        """
        orders, parent = self._parent.orders, self._parent
        sequences = {key: sequence for each in written for key, sequence in zip(each.keys, each.sequences, strict=True)}
        stuck: set[Any] = set()
        for key, items in self._source.orders_of(session, list(sequences)).items():
            causes = (named(self._items, self._items.store.parts(item), sequences[item]) for item in items)
            try:
                order = touched(orders, session, key)
                orders.items.bring(session, order, parent.actor, " ".join(causes))  # type: ignore[union-attr]
            except OrderFsmError:
                stuck.update(items)
        return stuck


def touched(orders: Binding, session: Session, key: Sequence[Any]) -> Any:
    """The order with this key, its row locked first and then read; raises Conflict when it is gone."""
    store = orders.store
    session.flush()
    order = session.get(store.order, tuple(key)) if store.touch(session, key) else None
    if order is None:
        raise Conflict(f"{store.order.__name__} {', '.join(map(str, key))} is gone: its row was deleted")
    store.reload(session, order)
    return order
