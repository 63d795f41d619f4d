"""The driver of a Lifecycle, on the tables and the database of whoever tests it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orderfsm.errors import KeyReused

from .driver import Declined, Driver, Shown, Unsent

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sqlalchemy import Engine
    from sqlalchemy.orm import Session

    from orderfsm.lifecycle import Lifecycle

    from .send import Send

__all__ = ["LifecycleDriver", "can_set"]

_KEPT = ("configuration", "code", "revision")


class LifecycleDriver(Driver):
    """Drives the orders of a lifecycle in a session of its own, which is rolled back at the end of each life.

    `sessions` is an engine, or a function that makes sessions; `new` makes an order (a new one of the store's class).
    `arrange(session, order, send)` puts what guards read where they read it; by default attributes of the order are
    set, where it has some of these names. When the lifecycle's clock can be `set`, as `orderfsm_clock` can, the time is
    the test's, and timers are swept where the store has a table for them.
    """

    keys = True

    def __init__(
        self,
        lifecycle: Lifecycle,
        sessions: Engine | Callable[[], Session],
        *,
        new: Callable[[], Any] | None = None,
        arrange: Callable[[Session, Any, Send], None] | None = None,
    ) -> None:
        self.lifecycle = lifecycle
        self._sessions = sessions
        self._new = new or lifecycle.store.order
        self._arrange = arrange or _arranged
        self._session: Session | None = None
        self._opened: dict[str, Any] = {}
        self.clock = callable(getattr(lifecycle.clock, "set", None))
        self.timers = self.clock and lifecycle.timing is not None
        self._next: Any = None

    @property
    def session(self) -> Session:
        """The session of this life. Raises RuntimeError outside of `begin` and `end`."""
        if self._session is None:
            raise RuntimeError("there is no session between two lives; call begin() first, and end() afterwards")
        return self._session

    def begin(self) -> None:
        """A new session."""
        from orderfsm.lifecycle.sweep import made

        self._session = made(self._sessions)
        self._opened = {}
        self._next = self._new()

    def end(self) -> None:
        """Everything is rolled back."""
        session, self._session = self.session, None
        session.rollback()
        session.close()

    def at(self, now: datetime) -> None:
        """Set the lifecycle's clock."""
        self.lifecycle.clock.set(now)  # type: ignore[attr-defined]

    def arrange(self, order: Any, send: Send) -> None:
        """Put what guards read where they read it."""
        if order is None:
            order = self._next = self._new()
        self._arrange(self.session, order, send)
        self.session.flush()

    def open(self, send: Send, *, key: str | None = None) -> Any:
        """Open the order that was arranged last; the same one under the same key."""
        order = self._opened.get(key or "", self._next)
        try:
            self.lifecycle.open(self.session, order, send.event, **send.asked, key=key)
        except KeyReused as reused:
            raise Declined(reused.code, str(reused)) from reused
        if key is not None:
            self._opened[key] = order
        return order

    def send(self, order: Any, send: Send, *, key: str | None = None) -> None:
        """Send it."""
        try:
            self.lifecycle.send(self.session, order, send.event, **send.asked, key=key)
        except KeyReused as reused:
            raise Declined(reused.code, str(reused)) from reused

    def look(self, order: Any) -> Shown:
        """What the database holds."""
        self.session.flush()
        self.session.expire(order)
        return Shown(order.configuration, self.lifecycle.history(self.session, order), order.revision)

    def sweep(self) -> None:
        """Sweep in the session."""
        self.lifecycle.sweep(self.session, actor=self.sweeper)


def _arranged(session: Session, order: Any, send: Send) -> None:
    """What guards read of the order is set on it; raises Unsent for what that cannot do."""
    facts = dict(send.facts or {})
    read = facts.pop("order", None)
    read = read if isinstance(read, dict) else {}
    missing = [*facts, *send.guards, *(f"order.{name}" for name in read if not can_set(order, name))]
    if missing:
        raise Unsent(
            f"guards of {send.event} ask for {', '.join(missing)}; say how your guards come to it: "
            f"LifecycleDriver(…, arrange=lambda session, order, send: …)"
        )
    for name, value in read.items():
        setattr(order, name, value)


def can_set(order: Any, name: str) -> bool:
    """Whether an order has the attribute, and lets it be set: what it works out by itself it does not."""
    worked_out = getattr(type(order), name, None)
    return hasattr(order, name) and name not in _KEPT and not (isinstance(worked_out, property) and not worked_out.fset)
