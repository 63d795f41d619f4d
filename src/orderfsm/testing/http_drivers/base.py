"""What all drivers over HTTP share: who asks, what is done by other means, how a refusal comes, what is a fault."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import uuid4

from orderfsm.chart import OPEN
from orderfsm.history import Actor
from orderfsm.testing.driver import Declined, Driver, Unsent

from .wire import Answer, Client, connected

if TYPE_CHECKING:
    from orderfsm.testing.send import Send

__all__ = ["Also", "Headers", "HttpDriver", "Opening"]

Headers = Callable[[Actor], Mapping[str, str] | None]
"""The headers of a request of an actor, such as Authorization; None for one that nobody can ask as."""

Also = Callable[[Any, Any], Any]
"""Another way to send an event: called with the order and the Send; with None for a new order, which it returns."""

Opening = Callable[[Any], Mapping[str, Any]]
"""What a new order is made of, given the Send that opens it: members of the body of the request."""

_PARTS: Mapping[str, Any] = MappingProxyType({"reason": None, "links": (), "payload": None})
"""What may come along with an event, and what it is when it does not."""


@dataclass(kw_only=True, eq=False)
class HttpDriver(Driver):
    """An API as one of its clients speaks to it.

    `client` is the base URL, or a client that is yours to close (httpx, or Starlette's TestClient around an app).
    `headers` tells who asks. `facts(order, send)` puts `send.facts` and `send.guards` where the system's guards read
    them, `time(now)` sets its clock, `also` sends events that the API gives no client a way to send. `anybody` is the
    role that sends what comes without an actor.

    A status of 4xx is a refusal; every other one but 2xx is a fault, which is raised with the whole answer.
    """

    client: Client | str = field(kw_only=False)
    headers: Headers
    opening: Opening | None = None
    facts: Callable[[Any, Any], None] | None = None
    time: Callable[[datetime], None] | None = None
    also: Mapping[str, Also] = field(default_factory=dict)
    anybody: str = ""

    api: ClassVar[str] = "this API"
    begins: ClassVar[str] = OPEN
    """The event that opens an order; empty where several may."""

    def __post_init__(self) -> None:
        if not callable(self.headers):
            raise TypeError(f"headers is {self.headers!r}; give a function of the actor who asks")
        self.clock = self.time is not None
        self._client: Any = None
        self.begin()

    # --- a life

    def begin(self) -> None:
        """A new life: idempotency keys of earlier ones mean nothing in it."""
        self.life = uuid4().hex
        self._openers: dict[Any, Actor] = {}
        self._opened: dict[str, Any] = {}
        self._used: dict[tuple[Any, str | None], str] = {}

    def end(self) -> None:
        """Close the connection, where it is ours."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def at(self, now: datetime) -> None:
        """Set the system's time."""
        if self.time is None:
            raise Unsent(f"nothing sets the clock behind {self.api}; give time=, a function of a datetime")
        self.time(now)

    def arrange(self, order: Any, send: Send) -> None:
        """Put the facts where guards read them."""
        if self.facts is not None:
            self.facts(order, send)
        elif send.facts or send.guards:
            asked = ", ".join([*(send.facts or ()), *send.guards])
            raise Unsent(
                f"guards of {send.event} ask for {asked}; give facts=, a function of the order and the Send which puts "
                f"it where your system reads it"
            )

    # --- events

    def open(self, send: Send, *, key: str | None = None) -> Any:
        """Open an order."""
        if send.event in self.also:
            order = self._opened_elsewhere(send, key)
        elif self.begins in ("", send.event):
            order = self.begun(send, key)
        else:
            raise self.unsent(send)
        self._openers[order] = self.actor(send)
        return order

    def _opened_elsewhere(self, send: Send, key: str | None) -> Any:
        """Open it in the other way, which knows no idempotency keys: once under each."""
        if key is None or key not in self._opened:
            order = self.also[send.event](None, send)
            if key is None:
                return order
            self._opened[key] = order
        return self._opened[key]

    def send(self, order: Any, send: Send, *, key: str | None = None) -> None:
        """Send an event to an order; the other ways know no idempotency keys, and are gone once under each."""
        if self.begins == send.event:
            raise Unsent(f"{self.api} has no request that opens an order once more")
        first = self._used.get((order, key), "") if key is not None else ""
        if first not in ("", send.event) and not self.also.keys().isdisjoint((first, send.event)):
            raise Declined("key-reused")
        if send.event not in self.also:
            self.sent(order, send, key)
        elif not first:
            self.also[send.event](order, send)
        if key is not None:
            self._used.setdefault((order, key), send.event)

    def begun(self, send: Send, key: str | None) -> Any:
        """Open an order by a request; what it is called."""
        raise NotImplementedError(f"write begun(self, send, key) of {type(self).__name__}")

    def sent(self, order: Any, send: Send, key: str | None) -> None:
        """Send an event by a request; raises `unsent` for one that no request stands for."""
        raise NotImplementedError(f"write sent(self, order, send, key) of {type(self).__name__}")

    def unsent(self, send: Send, why: str = "") -> Unsent:
        """The error for an event that no request stands for."""
        said = why or f"has no request that stands for {send.event}"
        return Unsent(f"{self.api} {said}; give also={{{send.event!r}: a function of the order and the Send}}")

    def takes(self, event: str) -> Collection[str]:
        """Which of reason, links and payload the request of an event has a field for."""
        return ()

    def worded(self, order: Any, send: Send) -> Send:
        """The send without what its request has no field for; whole, where another way sends it."""
        if send.event in self.also:
            return send
        fields = self.takes(send.event)
        return replace(send, **{part: empty for part, empty in _PARTS.items() if part not in fields})

    def made_of(self, send: Send, usual: Mapping[str, Any]) -> dict[str, Any]:
        """What a new order is made of: what `opening` says, else what is usual."""
        return dict(usual if self.opening is None else self.opening(send))

    # --- who

    def actor(self, send: Send, role: str = "") -> Actor:
        """Who sends it: the Send's actor, else whoever usually does, else anybody."""
        if send.actor is None:
            return Actor(role or self.anybody)
        return Actor(send.actor) if isinstance(send.actor, str) else send.actor

    def opener(self, order: Any) -> Actor:
        """Who has opened an order, and is shown it."""
        return self._openers.get(order) or Actor(self.anybody)

    # --- requests

    def ask(
        self, method: str, path: str, actor: Actor, *, json: Any = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """The answer to a request, which was done. Raises Declined, BadAnswer, Unsent for an actor who cannot ask."""
        answer = self.answer(method, path, actor, json=json, headers=headers)
        if answer.refused:
            raise self.declined(answer)
        if not answer.good:
            raise answer.bad()
        return answer

    def read(self, path: str, actor: Actor, *, headers: Mapping[str, str] | None = None) -> Answer | None:
        """The answer to a GET; None when nothing is there. Raises BadAnswer for whatever else is no answer."""
        answer = self.answer("GET", path, actor, headers=headers)
        if answer.status == 404:
            return None
        if not answer.good:
            raise answer.bad()
        return answer

    def answer(
        self, method: str, path: str, actor: Actor, *, json: Any = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """What comes back, whatever it is."""
        theirs = self.headers(actor)
        if theirs is None:
            raise Unsent(f"nobody asks as {actor.role or 'anybody'}: headers(actor) gives None")
        try:
            response = self._connection.request(method, path, json=json, headers={**theirs, **(headers or {})})
        except Exception as error:
            error.add_note(f"asked was {method} {path}, as {actor.role or 'anybody'}")
            raise
        return Answer(method, path, response)

    @property
    def _connection(self) -> Any:
        if not isinstance(self.client, str):
            return self.client
        if self._client is None:
            self._client = connected(self.client)
        return self._client

    def declined(self, answer: Answer) -> Declined:
        """A refusal in the words of the API."""
        return Declined(detail=f"{answer.status} {self.sentence(answer)}".rstrip())

    def sentence(self, answer: Answer) -> str:
        """What a refusal says, for the message of a failure."""
        return answer.text[:200]
