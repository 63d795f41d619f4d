"""The orders that a router is about, as one principal sees them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Select, literal_column, select
from sqlalchemy.orm import Session

from orderfsm.history import Actor
from orderfsm.http.failure import Rejected
from orderfsm.http.principal import Principal
from orderfsm.lifecycle import Lifecycle
from orderfsm.sqlmodel import Stateful

from .keys import Keys, OrderKey, absent

__all__ = ["Shown", "Subject", "Visible", "actor_of"]

Visible: TypeAlias = Callable[[Principal], ColumnElement[bool]]
"""The condition on the service's table for the orders that a principal sees; others are absent."""

Shown: TypeAlias = Callable[[Principal, Mapping[str, Any]], Mapping[str, Any]]
"""What a principal sees of a history entry, given all of it."""


class Subject:
    """The orders of a lifecycle, found by key and by who asks.

    The queries are made once, up to the condition of the principal: making one takes as long as running it.
    """

    def __init__(self, lifecycle: Lifecycle, visible: Visible, shown: Shown, keys: Keys) -> None:
        self.lifecycle, self.visible, self.shown, self.keys = lifecycle, visible, shown, keys
        self._there: Select[Any] = select(literal_column("1")).where(keys.condition)
        self._order = select(self.model).where(keys.condition)
        self._locked = self._order.with_for_update(of=self.model, key_share=True)

    def verify(self, session: Session, who: Principal, key: OrderKey) -> None:
        """Raise Rejected when there is no such order for this principal."""
        connection = session.connection(dict(self.lifecycle.store.bind))
        query = self._there.where(self.visible(who))
        self._one(connection.execute(query, self.keys.parameters(key)).scalar())

    def order(self, session: Session, who: Principal, key: OrderKey) -> Any:
        """The order; raises Rejected."""
        query = self._order.where(self.visible(who))
        return self._one(session.scalars(query, self.keys.parameters(key)).one_or_none())

    def locked(self, session: Session, who: Principal, key: OrderKey) -> Any:
        """The order, which nobody else moves until the transaction ends (on PostgreSQL); raises Rejected."""
        query = self._locked.where(self.visible(who))
        return self._one(session.scalars(query, self.keys.parameters(key)).one_or_none())

    @property
    def model(self) -> type[Stateful]:
        """The service's class of orders."""
        return self.lifecycle.store.order

    def entry(self, who: Principal, told: Mapping[str, Any]) -> dict[str, Any]:
        """An entry as this principal sees it; the keys of requests are nobody's business but their sender's."""
        return dict(self.shown(who, {name: value for name, value in told.items() if name not in PRIVATE}))

    @staticmethod
    def _one(found: Any) -> Any:
        if found is None:
            raise absent()
        return found


PRIVATE = frozenset({"key", "chart_hash"})


def actor_of(who: Principal, role: str | None) -> Actor:
    """The principal in one of its roles: the only one unless it says which; one without roles acts as nobody.

    Raises Rejected for a role that the principal does not have, and when it has several and names none.
    """
    if role is None and len(who.roles) <= 1:
        return who.actor(next(iter(who.roles), ""))
    if role is None:
        raise Rejected(
            403, "role-needed", f"you have several roles; say as which you ask: {', '.join(sorted(who.roles))}"
        )
    if role not in who.roles:
        raise Rejected(403, "role-refused", "you do not have the role that you ask in; leave it out, or name another")
    return who.actor(role)
