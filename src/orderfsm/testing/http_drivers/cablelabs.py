"""Ethernet services orders: an interface that shows where orders are, and has no request that moves one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import quote

from orderfsm.testing.driver import Shown

from .base import HttpDriver
from .wire import Answer

if TYPE_CHECKING:
    from orderfsm.testing.send import Send

__all__ = ["CablelabsDriver"]


@dataclass(kw_only=True, eq=False)
class CablelabsDriver(HttpDriver):
    """The order status interface of the Ethernet services API: it shows where an order is.

    It has no request by which an order is placed or moved: give `also`, with `open` among it, which returns the
    order's id. `also` decides what is tested; the interface is how it is seen.
    """

    anybody: str = "buyer"

    api: ClassVar[str] = "the order status interface"

    def begun(self, send: Send, key: str | None) -> str:
        """There is no such request."""
        raise self.unsent(send, "has no request that places an order")

    def sent(self, order: str, send: Send, key: str | None) -> None:
        """There is no such request."""
        raise self.unsent(send)

    def look(self, order: str) -> Shown:
        """The status; there is no history."""
        answer = self.read(f"/orders/{quote(str(order), safe='')}/status", self.opener(order))
        return Shown(None if answer is None else answer.word("orderStatus"))

    def sentence(self, answer: Answer) -> str:
        """The first message of the refusal."""
        messages = answer.problem.get("orderMessages") or [{}]
        return str(messages[0].get("messageInformation", answer.text))[:500]
