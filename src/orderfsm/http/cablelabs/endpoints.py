"""The seller's answers: posted to the endpoint that was registered for the buyer, and nowhere else."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from orderfsm.errors import Undeliverable
from orderfsm.http.unit import Sessions, reading
from orderfsm.lifecycle import transact
from orderfsm.outbox import Message
from orderfsm.outbox.webhook import Webhook

from .lives import lives, now
from .models import answer_of
from .tables import CableOrder, CableRequest

__all__ = ["Answers", "Endpoint", "Endpoints"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a buyer takes answers (the whole URL), and the secrets (`whsec_…`) that they are signed with."""

    url: str
    secrets: str | tuple[str, ...] = field(repr=False)


Endpoints = Callable[[str], Endpoint | None]
"""From a buyer's id to the endpoint that was registered for it; None for one that gets no answers."""


class Answers:
    """Delivers the answers to status requests; what a Relay over `lives().requests` delivers to.

    An answer tells the order as it is when it is sent, also where it is sent again. It goes to the buyer's registered
    endpoint by a signed Webhook; `allow`, `timeout` and `tls` are the Webhook's. A buyer without an endpoint, or with
    one that will not do, gets a dead letter. Once the buyer has taken it, the request is `answered`: committed here.
    """

    def __init__(
        self,
        sessions: Sessions,
        endpoints: Endpoints,
        *,
        allow: Collection[str] = (),
        timeout: timedelta = timedelta(seconds=10),
        tls: ssl.SSLContext | None = None,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._sessions = sessions
        self._endpoints = endpoints
        self._allow = allow
        self._timeout = timeout
        self._tls = tls or ssl.create_default_context()
        self._clock = clock
        self._requests = lives(clock).requests

    def __call__(self, message: Message) -> None:
        """Deliver one answer; raises NotDelivered or Undeliverable."""
        buyer, answer = self._read(message.order)
        self._hook(buyer, answer)(message)
        transact(self._sessions, lambda session: self._mark(session, message), key=message.id)

    def _read(self, request_id: str) -> tuple[str, dict[str, Any]]:
        """The buyer, and the order as it is now."""
        with reading(self._sessions) as session:
            request = session.get_one(CableRequest, request_id)
            order = session.get_one(CableOrder, request.asked_for)
            return order.buyer_id, answer_of(session, order, request.seller_name)

    def _hook(self, buyer: str, answer: dict[str, Any]) -> Webhook:
        endpoint = self._endpoints(buyer)
        if endpoint is None:
            raise Undeliverable("no endpoint is registered for the buyer any more; register one and revive this letter")
        try:
            return Webhook(
                endpoint.url,
                endpoint.secrets,
                envelope=lambda _: {"data": answer},
                mode="binary",
                timeout=self._timeout,
                allow=self._allow,
                tls=self._tls,
                clock=self._clock,
            )
        except ValueError as error:
            raise Undeliverable(f"the endpoint that is registered for the buyer will not do: {error}") from None

    def _mark(self, session: Session, message: Message) -> None:
        request = session.get_one(CableRequest, message.order)
        self._requests.send(session, request, "answer", actor="system", key=message.id)
