"""Corrections: append-only entries that say what was wrong. Each needs a reason, and a role that may correct."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import EllipsisType
from typing import TYPE_CHECKING, Any

from orderfsm.arguments import expect
from orderfsm.corrections import OVERRIDE, SUPERSEDE, VOID, Past
from orderfsm.errors import Blocker, NotEnabled, NotPermitted, ReasonNeeded
from orderfsm.graph import unknown_configuration
from orderfsm.history import Link, Reason

from . import sighting
from .binding import Binding, Decision
from .request import Request, links_of, plain_of, utc, verify_text
from .twin import twin

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from orderfsm.cell import Configuration
    from orderfsm.history import Actor, Entry
    from orderfsm.sqlmodel.bases import Stateful

__all__ = ["Correcting", "Corrections", "Restated"]

ORIGIN = "correction"


@dataclass(frozen=True, slots=True)
class Corrections:
    """The roles that may correct, for each kind of correction; nobody may what is left out.

    Raises TypeError for a text: whoever had a part of it for a role would be let in.
    """

    override: Sequence[str] = ()
    void: Sequence[str] = ()
    supersede: Sequence[str] = ()

    def __post_init__(self) -> None:
        for kind in (OVERRIDE, VOID, SUPERSEDE):
            roles = getattr(self, kind)
            if isinstance(roles, str) or not all(isinstance(role, str) and role for role in roles):
                raise TypeError(f'{kind} is {roles!r}; give a list of roles: Corrections({kind}=["operator"])')


@dataclass(frozen=True, slots=True)
class Restated:
    """What an entry should have told. What is left out stays as it was; None: nothing should have been told."""

    reason: Reason | str | EllipsisType | None = ...
    links: Sequence[Link] | EllipsisType = ...
    payload: Mapping[str, Any] | EllipsisType | None = ...
    occurred_at: datetime | EllipsisType = ...

    def as_dict(self) -> dict[str, Any]:
        """What is restated, as it goes into JSON. Raises ValueError for nothing, and for what cannot be stored."""
        told: dict[str, Any] = {}
        expect({name: value for name in ("reason", "occurred_at") if (value := getattr(self, name)) is not ...})
        if not isinstance(self.reason, EllipsisType):
            told["reason"] = _reason(self.reason)
        if not isinstance(self.links, EllipsisType):
            told["links"] = [link.as_dict() for link in links_of(self.links)]
        if not isinstance(self.payload, EllipsisType):
            told["payload"] = None if self.payload is None else plain_of(self.payload)
        if not isinstance(self.occurred_at, EllipsisType):
            told["occurred_at"] = utc("occurred_at", self.occurred_at).isoformat()
        if not told:
            raise ValueError("nothing is restated; give reason, links, payload or occurred_at")
        return told


def _reason(reason: Reason | str | None) -> dict[str, str | None] | None:
    given = Reason(reason) if isinstance(reason, str) else reason
    if given is None:
        return None
    for name, text in (("reason.code", given.code), ("reason.text", given.text)):
        if text is not None:
            verify_text(name, text)
    return {"code": given.code, "text": given.text}


def _verify_sequence(name: str, sequence: object) -> None:
    if type(sequence) is not int:
        raise TypeError(f"{name} is {sequence!r}; give the sequence of an entry, a whole number")


class Correcting(Binding):
    """The commands that correct. None of them emits an action: what a correction means outside is the service's."""

    corrections: Corrections

    def override(
        self,
        session: Session,
        order: Stateful,
        to: str,
        *,
        actor: Actor | str | None = None,
        reason: Reason | str | None = None,
        links: Sequence[Link] = (),
        payload: Mapping[str, Any] | None = None,
        key: str | None = None,
        expected_revision: int | None = None,
        occurred_at: datetime | None = None,
        caused_by: str | None = None,
        corrects: int | None = None,
    ) -> Entry:
        """Put an order into another configuration (its text, a state, a code, an alias), whatever the chart says.

        `corrects` may be the sequence of the entry that made it necessary. Raises NotPermitted unless the actor's role
        may override, ReasonNeeded, Ambiguous when several configurations fit, NotEnabled when none does or the order is
        there already, and what `send` raises.
        """
        verify_text("to", to)
        if corrects is not None:
            _verify_sequence("corrects", corrects)
        to = self.chart.aliases.get(to, to)
        request = Request(
            f"override {to} {corrects}",
            *(OVERRIDE, actor, ORIGIN, reason, links, payload, key, occurred_at, caused_by, expected_revision),
        )
        request.settle(self.clock())
        return self._carry_out(session, order, request, functools.partial(self._overridden, to, corrects))

    def void(
        self,
        session: Session,
        order: Stateful,
        *,
        actor: Actor | str | None = None,
        reason: Reason | str | None = None,
        links: Sequence[Link] = (),
        payload: Mapping[str, Any] | None = None,
        key: str | None = None,
        expected_revision: int | None = None,
        occurred_at: datetime | None = None,
        caused_by: str | None = None,
    ) -> Entry:
        """Say that the last entry that counts was wrong: the order goes back to where it was before it.

        Again and again, it unwinds a history; the first entry stays. Raises NotPermitted unless the actor's role may
        void, ReasonNeeded, NotEnabled when only the first entry is left, StoredStateUnknown when the chart lacks where
        the order was, and what `send` raises.
        """
        request = Request(
            VOID, VOID, actor, ORIGIN, reason, links, payload, key, occurred_at, caused_by, expected_revision
        )
        request.settle(self.clock())
        return self._carry_out(session, order, request, self._voided)

    def supersede(
        self,
        session: Session,
        order: Stateful,
        sequence: int,
        restated: Restated,
        *,
        actor: Actor | str | None = None,
        reason: Reason | str | None = None,
        links: Sequence[Link] = (),
        key: str | None = None,
        expected_revision: int | None = None,
        caused_by: str | None = None,
    ) -> Entry:
        """Restate what the entry of that sequence tells; the order stays where it is.

        `reason` says why it is restated, `restated` (the payload of the new entry) what the old one should have told.
        Raises NotPermitted unless the actor's role may supersede, ReasonNeeded, NotEnabled when there is no such entry
        or it does not count, and what `send` raises.
        """
        _verify_sequence("sequence", sequence)
        if not isinstance(restated, Restated):
            raise TypeError(f"restated is {restated!r}; give a Restated: Restated(reason=…)")
        request = Request(
            f"supersede {sequence}",
            *(SUPERSEDE, actor, ORIGIN, reason, links, restated.as_dict(), key, None, caused_by, expected_revision),
        )
        request.settle(self.clock())
        decision = functools.partial(self._superseded, sequence, restated.occurred_at)
        return self._carry_out(session, order, request, decision)

    aoverride = twin(override)
    avoid = twin(void)
    asupersede = twin(supersede)

    # --- deciding

    def _overridden(
        self, to: str, corrects: int | None, session: Session, order: Stateful, request: Request
    ) -> Decision:
        configuration, revision = self._corrected(session, order, request)
        if corrects is not None and not 0 < corrects <= revision:
            raise self._unfit(configuration, request, "no-such-entry", f"there is no entry {corrects} to correct")
        found = sighting.adopted(self.table, to, configuration, OVERRIDE)
        if found == configuration:
            raise self._unfit(configuration, request, "already-there", f"the order is in {found} already")
        return Decision(configuration, revision, found, None, corrects)

    def _voided(self, session: Session, order: Stateful, request: Request) -> Decision:
        configuration, revision = self._corrected(session, order, request)
        past = self._past(session, order, revision)
        last = past.voidable()
        if last is None:
            said = "there is nothing to void: the first entry stays (override leads anywhere)"
            raise self._unfit(configuration, request, "nothing-to-void", said)
        return Decision(configuration, revision, self._known_configuration(past.standing[last].before), None, last)

    def _superseded(
        self,
        sequence: int,
        happened: datetime | EllipsisType,
        session: Session,
        order: Stateful,
        request: Request,
    ) -> Decision:
        configuration, revision = self._corrected(session, order, request)
        if self.claims is not None and isinstance(happened, datetime) and request.recorded_at is not None:
            self.claims.verify(self.chart.name, configuration, SUPERSEDE, happened, None, request.recorded_at)
        standing = self._past(session, order, revision).standing
        if sequence not in standing:
            counting = ", ".join(map(str, standing))
            said = f"entry {sequence} cannot be restated; those that count are {counting}"
            raise self._unfit(configuration, request, "no-such-entry", said)
        return Decision(configuration, revision, self._known_configuration(configuration), None, sequence)

    def _corrected(self, session: Session, order: Stateful, request: Request) -> tuple[str, int]:
        """Configuration and revision of an order that this actor may correct, for the reason given."""
        configuration, revision = self._standing(session, order, request.expected_revision)
        kind = request.event
        roles, role = getattr(self.corrections, kind), request.actor.role if request.actor else ""
        if role not in roles:
            allowed = " or ".join(roles) or f"nobody (declare roles: Lifecycle(…, corrections=Corrections({kind}=…)))"
            said = f"{kind} is for {allowed}, not for {role or 'an unnamed actor'}"
            blocker = Blocker("not-permitted", said, {"actor": role, "allowed": list(roles)})
            raise NotPermitted(self.chart.name, configuration, kind, (blocker,))
        given = request.reason or Reason()
        if not (given.code or "").strip() and not (given.text or "").strip():
            blocker = Blocker("reason-missing", f"{kind} needs a reason: a code or a text", {"allowed": []})
            raise ReasonNeeded(self.chart.name, configuration, kind, (blocker,))
        return configuration, revision

    def _past(self, session: Session, order: Stateful, revision: int) -> Past:
        return Past(entry for entry in self.store.entries(session, order) if entry.sequence <= revision)

    def _known_configuration(self, text: str) -> Configuration:
        found = self.table.configurations.get(text)
        if found is None:
            raise unknown_configuration(self.table, text)
        return found

    def _unfit(self, configuration: str, request: Request, code: str, said: str) -> NotEnabled:
        return NotEnabled(self.chart.name, configuration, request.event, (Blocker(code, said),))
