"""Holds of an order, as a set: it is held while any remains, and goes on where it was when the last is released."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from orderfsm.errors import Blocker, ChartError, KeyReused, NotEnabled, NotPermitted
from orderfsm.step import decide

from .binding import Binding
from .following import touched
from .holdbook import remaining
from .holding import Hold
from .request import NOBODY, Request, verify_text
from .savepoint import savepoint
from .twin import twin

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from orderfsm.history import Actor, Link, Reason
    from orderfsm.sqlmodel.bases import Stateful

    from .holdbook import HoldBook
    from .holding import HoldStates

__all__ = ["Holds"]

NAME_LIMIT = 255
"""How many characters the name of a hold may have."""


class Holds(Binding):
    """The commands and questions about holds. Each command touches the order's row before it looks at the holds."""

    def hold(
        self,
        session: Session,
        order: Stateful,
        name: str,
        *,
        actor: Actor | str | None = None,
        reason: Reason | str | None = None,
        links: Sequence[Link] = (),
        payload: Mapping[str, Any] | None = None,
        key: str | None = None,
    ) -> Hold:
        """Hold an order under a name, and return the hold; the first one sends the chart's holding event.

        A further hold asks for what the first would have to (actor, reason, guards), and writes no history entry. `key`
        makes it safe to send again: the same request returns its hold.

        Raises NotEnabled when the order has a hold of that name or cannot be held where it is, ChartError when the
        store has no table of holds or the chart no such events, and what `send` raises.
        """
        states, book = self._holding()
        request = Request(f"hold {name}", states.holding.hold, actor, "hold", reason, links, payload, key)
        self._settle(request, name)
        here = self._locked(session, order)
        prior = self._earlier(session, order, "key", request)
        if prior is not None:
            return prior
        if name in book.active(session, order):
            raise self._refused(here, request.event, "hold-exists", f"the order is held by {name} already", name)
        if here not in states:
            entry = self._carry_out(session, order, request, self._next)
            return book.place(session, order, name, request, entry.sequence)
        self._verify_further(session, order, here, request)
        return book.place(session, order, name, request, None)

    def release(
        self,
        session: Session,
        order: Stateful,
        name: str,
        *,
        actor: Actor | str | None = None,
        reason: Reason | str | None = None,
        links: Sequence[Link] = (),
        payload: Mapping[str, Any] | None = None,
        key: str | None = None,
    ) -> Hold:
        """Release the hold of that name, and return it; the last one sends the event that lets the order go on.

        Every release asks for what that event asks for. `key` makes it safe to send again.

        Raises NotEnabled when the order has no hold of that name, NotPermitted when only its holder may release it, and
        what `send` raises.
        """
        states, book = self._holding()
        request = Request(f"release {name}", states.holding.resume, actor, "release", reason, links, payload, key)
        self._settle(request, name)
        here = self._locked(session, order)
        prior = self._earlier(session, order, "release_key", request)
        if prior is not None:
            return prior
        active = book.active(session, order)
        if name not in active:
            told = f"its holds: {', '.join(active)}" if active else "nothing holds it"
            raise self._refused(here, request.event, "hold-unknown", f"the order has no hold {name}; {told}", name)
        self._verify_holder(here, active[name], request)
        decided = self._next(session, order, request)
        if len(active) > 1:
            return book.release(session, order, active[name], request, None)
        with savepoint(session, self.store.bind):
            released = book.release(session, order, active[name], request, decided.revision + 1)
            self._carry_out(session, order, request, lambda *_: decided)
        return released

    def holds(self, session: Session, order: Stateful) -> tuple[Hold, ...]:
        """The order's holds in the order in which they were placed; released ones stay among them."""
        return tuple(self._holding()[1].of(session, order))

    ahold = twin(hold)
    arelease = twin(release)
    aholds = twin(holds)

    def _barred(self, session: Session, order: Stateful, configuration: str | None) -> dict[str, tuple[Blocker, ...]]:
        """What the order's holds bar here, and why: the event that lets it go on."""
        if self.book is None or isinstance(self.held, ChartError) or configuration not in self.held:
            return {}
        event, left = self.held.holding.resume, self.book.active(session, order)
        return {event: (remaining(event, left),)} if left else {}

    # --- what they have in common

    def _holding(self) -> tuple[HoldStates, HoldBook]:
        """The held states and the table; raises ChartError when the lifecycle has none."""
        if isinstance(self.held, ChartError):
            raise self.held
        if self.book is None:
            name = self.store.order.__name__
            raise ChartError(f"{name} has no table of holds; make one on HoldRow and give it: SqlStore(…, holds=…)")
        return self.held, self.book

    def _settle(self, request: Request, name: str) -> None:
        verify_text("name", name)
        if not 0 < len(name) <= NAME_LIMIT:
            raise ValueError(f"the name of a hold has 1 to {NAME_LIMIT} characters, not {len(name)}")
        request.settle(self.clock())

    def _locked(self, session: Session, order: Stateful) -> str:
        """Where the order stands, which nobody changes from now on."""
        self._standing(session, order, None)
        touched(self, session, self.store.identity(order))
        return self._standing(session, order, None)[0]

    def _earlier(self, session: Session, order: Stateful, column: str, request: Request) -> Hold | None:
        """The hold that the same request placed or released before; raises KeyReused when it was another one."""
        if request.key is None:
            return None
        found = self._holding()[1].keyed(session, order, column, request.key)
        if found is not None and found[1] == request.fingerprint:
            return found[0]
        if found is None and self._prior(session, order, request) is None:
            return None
        name = self.store.name(order)
        raise KeyReused(
            f"the key {request.key!r} of {name} was used for another request; a new request needs a new key"
        )

    def _verify_further(self, session: Session, order: Stateful, here: str, request: Request) -> None:
        """Ask for what the first hold would have to, where the order is going to return to."""
        back = next(self._holding()[0].returns(here), None)
        cell = None if back is None else self.table.rows[back].get(request.event)
        if cell is None:
            raise self._refused(here, request.event, "not-enabled", f"{here} leads back to nowhere it is held from", "")
        decide(cell, replace(self._call(session, order, back, request), actor=request.actor or NOBODY))

    def _verify_holder(self, here: str, hold: Hold, request: Request) -> None:
        holder, asking = hold.holder or NOBODY, request.actor or NOBODY
        if self._holding()[0].holding.release == "anyone" or (holder.role, holder.id) == (asking.role, asking.id):
            return
        who = " ".join(filter(None, (holder.role, holder.label or holder.id))) or "nobody"
        said = f"{hold.name} is held by {who}, and only who holds it releases it"
        blocker = Blocker("hold-of-another", said, {"hold": hold.name, "holder": [holder.role, holder.id]})
        raise NotPermitted(self.chart.name, here, request.event, (blocker,))

    def _refused(self, here: str, event: str, code: str, said: str, name: str) -> NotEnabled:
        return NotEnabled(self.chart.name, here, event, (Blocker(code, said, {"hold": name}),))
