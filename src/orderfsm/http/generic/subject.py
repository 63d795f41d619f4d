"""The orders that a router is about, as one principal sees them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, literal_column, select
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


@dataclass(frozen=True, slots=True)
class Subject:
    """The orders of a lifecycle, found by key and by who asks."""

    lifecycle: Lifecycle
    visible: Visible
    shown: Shown
    keys: Keys

    def verify(self, session: Session, who: Principal, key: OrderKey) -> None:
        """Raise Rejected when there is no such order for this principal."""
        connection = session.connection(dict(self.lifecycle.store.bind))
        self._one(connection.execute(select(literal_column("1")).where(*self._conditions(who, key))).scalar())

    def order(self, session: Session, who: Principal, key: OrderKey) -> Any:
        """The order; raises Rejected."""
        return self._one(session.scalars(select(self.model).where(*self._conditions(who, key))).one_or_none())

    def locked(self, session: Session, who: Principal, key: OrderKey) -> Any:
        """The order, which nobody else moves until the transaction ends (on PostgreSQL); raises Rejected."""
        query = select(self.model).where(*self._conditions(who, key)).with_for_update(of=self.model, key_share=True)
        return self._one(session.scalars(query).one_or_none())

    @property
    def model(self) -> type[Stateful]:
        """The service's class of orders."""
        return self.lifecycle.store.order

    def entry(self, who: Principal, told: Mapping[str, Any]) -> dict[str, Any]:
        """An entry as this principal sees it; the keys of requests are nobody's business but their sender's."""
        return dict(self.shown(who, {name: value for name, value in told.items() if name not in PRIVATE}))

    def _conditions(self, who: Principal, key: OrderKey) -> tuple[ColumnElement[bool], ...]:
        return self.keys.matches(key), self.visible(who)

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
