"""One call on its way: what was asked, and what became of it."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sqlalchemy.orm import Session

    from orderfsm.history import Entry
    from orderfsm.lifecycle.request import Request

__all__ = ["Ticket", "finish"]


class Ticket:
    """A request for an order, with the entry or the error that answers it.

    `work`, when there is one, is what is done in a Session instead of sending `request` to the order of `key`. Who
    waits is the thread that holds `gate`, or the task of `future`; nobody when the caller serves itself.
    """

    __slots__ = ("entry", "error", "future", "gate", "identity", "key", "leads", "request", "work")

    def __init__(
        self,
        key: Any,
        identity: tuple[Any, ...],
        request: Request,
        work: Callable[[Session], Entry] | None = None,
    ) -> None:
        self.key = key
        self.identity = identity
        self.request = request
        self.work = work
        self.entry: Entry | None = None
        self.error: BaseException | None = None
        self.gate: threading.Lock | None = None
        self.future: asyncio.Future[Entry] | None = None
        self.leads = False

    @property
    def served(self) -> bool:
        """Whether there is an answer."""
        return self.entry is not None or self.error is not None

    @property
    def unwanted(self) -> bool:
        """Whether nobody waits for the answer any more."""
        return self.future is not None and self.future.cancelled()

    def answer(self) -> Entry:
        """The entry; raises the error."""
        if self.error is not None:
            raise self.error
        assert self.entry is not None  # noqa: S101 - for the type checker: a ticket is served with one of the two
        return self.entry

    def clear(self) -> None:
        """Forget what was found in a transaction that was rolled back."""
        self.entry = self.error = None


def finish(tickets: Iterable[Ticket]) -> None:
    """Tell everybody who waits: threads one by one, the tasks of an event loop all at once."""
    tasks: dict[asyncio.AbstractEventLoop, list[Ticket]] = {}
    for ticket in tickets:
        if ticket.gate is not None:
            ticket.gate.release()
        elif ticket.future is not None:
            tasks.setdefault(ticket.future.get_loop(), []).append(ticket)
    for loop, theirs in tasks.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_resolve, theirs)


def _resolve(tickets: list[Ticket]) -> None:
    for ticket in tickets:
        future = ticket.future
        if future is None or future.done():  # whoever asked has gone
            continue
        if ticket.error is not None:
            future.set_exception(ticket.error)
        else:
            future.set_result(ticket.answer())
