"""What one command brings along, checked and made plain before anything is written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from orderfsm.arguments import expect
from orderfsm.history import Actor, Link, Reason

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Known", "Request", "links_of", "plain_of", "verify_text"]

KEY_LIMIT = 255
"""How many characters an idempotency key may have."""

NOBODY = Actor("")
"""Who asks when nobody says so: no arrow with `by` is for them."""


@dataclass(slots=True)
class Request:
    """A command as it was given: `asked` names it in the fingerprint, `event` is what will be recorded.

    Guards see the payload as it was given; `plain` is what JSON makes of it, which is recorded.
    """

    asked: str
    event: str
    actor: Any
    origin: str
    reason: Any
    links: Any
    payload: Mapping[str, Any] | None
    key: str | None = None
    occurred_at: datetime | None = None
    caused_by: str | None = None
    expected_revision: int | None = None
    recorded_at: datetime | None = None
    plain: Mapping[str, Any] | None = None
    claimed: bool = False

    def settle(self, now: datetime) -> None:
        """Make values of actor, reason and links, plain JSON of the payload; raises ValueError, TypeError.

        Called before anything is written: a text that PostgreSQL refuses would cost the caller the whole transaction.
        """
        try:
            self._settle(now)
        except (AttributeError, TypeError):
            self._expect(now)
            raise

    def _settle(self, now: datetime) -> None:
        self.recorded_at = utc("the clock", now)
        self.claimed = self.occurred_at is not None
        self.occurred_at = self.recorded_at if self.occurred_at is None else utc("occurred_at", self.occurred_at)
        if isinstance(self.actor, str):
            self.actor = Actor(self.actor)
        if isinstance(self.reason, str):
            self.reason = Reason(self.reason)
        if self.links != ():
            self.links = links_of(self.links)
        if self.payload is not None:
            self.plain = plain_of(self.payload)
        if self.key is not None and not 0 < len(self.key) <= KEY_LIMIT:
            raise ValueError(f"an idempotency key has 1 to {KEY_LIMIT} characters, not {len(self.key)}")
        self._verify_texts()

    def _expect(self, now: object) -> None:
        """Raise TypeError that says which of the values is of another type than is asked for, if one is."""
        names = ("actor", "reason", "links", "payload", "occurred_at", "key")
        expect({name: getattr(self, name) for name in names})
        if not isinstance(now, datetime):
            raise TypeError(f"the clock answers {now!r}; give one that answers an aware datetime")

    def _verify_texts(self) -> None:
        texts = {"origin": self.origin, "key": self.key, "caused_by": self.caused_by}
        if self.actor is not None:
            texts |= {"actor.role": self.actor.role, "actor.id": self.actor.id, "actor.label": self.actor.label}
        if self.reason is not None:
            texts |= {"reason.code": self.reason.code, "reason.text": self.reason.text}
        for name, text in texts.items():
            if text is not None and (type(text) is not str or not text.isascii() or "\0" in text):
                verify_text(name, text)

    @property
    def fingerprint(self) -> str | None:
        """The SHA-256 of what makes two requests the same: event, who asks (not their label), reason, links, payload.

        None for a request without a key.
        """
        if self.key is None:
            return None
        actor, reason = self.actor or NOBODY, self.reason or Reason()
        parts = [self.asked, actor.role, actor.id, reason.code, reason.text, [link.as_dict() for link in self.links]]
        text = json.dumps([*parts, self.plain], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def verify_text(name: str, text: str) -> None:
    """Raise TypeError for what is no text, ValueError for a text that a database does not store."""
    if not isinstance(text, str):
        raise TypeError(f"{name} is {text!r}; give a text")
    if "\0" in text:
        raise ValueError(f"{name} holds a NUL character, which PostgreSQL cannot store; leave it out")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{name} holds half of a surrogate pair, which no database stores; leave it out") from None


def links_of(links: Any) -> tuple[Link, ...]:
    """The links, one after the other; raises TypeError for anything else."""
    given = tuple(links)
    if not all(isinstance(link, Link) for link in given):
        raise TypeError(f"links is a list of Link, not {links!r}")
    return given


def plain_of(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """What JSON makes of a payload; raises TypeError for what is no mapping, ValueError for what JSON cannot hold."""
    try:
        plain = json.loads(json.dumps(payload, default=_plain, allow_nan=False))
    except RecursionError:
        raise ValueError("the payload is nested too deeply, or holds itself; give a flatter one") from None
    if not isinstance(plain, dict):
        raise TypeError(f"payload is a mapping or None, not {payload!r}")
    return plain


def _plain(value: object) -> object:
    """What JSON holds instead of a value that it does not know."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal | UUID):
        return str(value)
    if isinstance(value, timedelta):
        return f"PT{value.total_seconds():g}S"
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a payload cannot hold {value!r}: JSON has no {type(value).__name__}; give a text or a number")


def utc(name: str, moment: datetime) -> datetime:
    """The same moment in UTC; raises ValueError for a naive datetime."""
    if moment.tzinfo is UTC:
        return moment
    if moment.utcoffset() is None:
        raise ValueError(f"{name}: {moment!r} has no time zone; give an aware datetime, e.g. datetime.now(UTC)")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{name}: {moment!r} has no counterpart in UTC; give one of the years 1 to 9999") from None


class Known(Mapping[str, Any]):
    """The facts of a call: the application's, the order itself, and what is `read` once a guard asks for it."""

    __slots__ = ("_given", "_order", "_read", "_seen")

    def __init__(
        self, given: Mapping[str, Any], order: object, read: Mapping[str, Callable[[], Sequence[Any]]]
    ) -> None:
        self._given = given
        self._order = order
        self._read = read
        self._seen: dict[str, Sequence[Any]] = {}

    def __getitem__(self, name: str) -> Any:
        if name in self._given:
            return self._given[name]
        if name == "order":
            return self._order
        if name not in self._seen:
            self._seen[name] = self._read[name]()
        return self._seen[name]

    def __contains__(self, name: object) -> bool:
        return name == "order" or name in self._given or name in self._read

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys([*self._given, "order", *self._read]))

    def __len__(self) -> int:
        return len({*self._given, "order", *self._read})
