"""Who serves: of those who come at the same time one leads (or a few), serves what has gathered, and hands over.

Groups form by themselves: whoever comes while a group is being committed is in the next one. A caller who is alone
leads and serves itself, in its own thread. Tasks of an event loop are served by a thread of the desk's.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from orderfsm.errors import InDoubt
from orderfsm.sqlmodel.fate import REPEAT

from .ticket import Ticket, finish

if TYPE_CHECKING:
    from collections.abc import Callable

    from orderfsm.history import Entry

__all__ = ["Desk"]


SMALL = 8
"""A group that is not split."""


class Desk:
    """A queue of tickets, at most `limit`; `serve` gets up to `most` at a time, in up to `leaders` threads at once."""

    def __init__(self, serve: Callable[[list[Ticket]], None], *, most: int, limit: int, leaders: int = 1) -> None:
        self._serve, self._most, self._limit = serve, most, limit
        self._free = self._leaders = leaders
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)  # there is room again, or nobody leads any more
        self._queue: deque[Ticket] = deque()
        self._waiting: deque[asyncio.Future[None]] = deque()  # tasks that wait for room
        self._sleepers = 0
        self._closed = False
        self._own: ThreadPoolExecutor | None = None

    # --- threads

    def bring(self, ticket: Ticket) -> None:
        """Have a ticket served; returns when it is. Waits for room first, when the queue is full."""
        if not self._queued(ticket):
            self._lead([ticket])
            return
        try:
            ticket.gate.acquire()  # type: ignore[union-attr]
        except BaseException:  # the thread was interrupted: somebody else has to lead
            self._leave(ticket)
            raise
        if ticket.leads:
            self._lead([ticket])

    def _queued(self, ticket: Ticket) -> bool:
        """Put a ticket into the queue; False when nobody is there, so that the caller is to lead at once."""
        with self._lock:
            while not self._free and len(self._queue) >= self._limit and not self._closed:
                self._wait()
            self._verify_open()
            if self._free:
                self._free -= 1
                return False
            ticket.gate = threading.Lock()
            ticket.gate.acquire()
            self._queue.append(ticket)
            return True

    def _leave(self, ticket: Ticket) -> None:
        with self._lock:
            if ticket in self._queue:
                self._queue.remove(ticket)
            leads = ticket.leads
        if leads:
            self._hand_over()

    # --- tasks

    async def abring(self, ticket: Ticket) -> Entry:
        """Have a ticket served, from a task; a task that is cancelled leaves the queue, if it still can."""
        loop = asyncio.get_running_loop()
        ticket.future = loop.create_future()
        while not self._aqueued(ticket):
            room: asyncio.Future[None] = loop.create_future()
            self._waiting.append(room)
            await room
        return await ticket.future

    def _aqueued(self, ticket: Ticket) -> bool:
        with self._lock:
            self._verify_open()
            if len(self._queue) >= self._limit:
                return False
            self._queue.append(ticket)
            employs = self._free > 0
            if employs:
                self._free -= 1
        if employs:
            self._employ()
        return True

    def _employ(self) -> None:
        """Let a thread of the desk's own lead."""
        if self._own is None:
            self._own = ThreadPoolExecutor(self._leaders, "orderfsm-writer")
        self._own.submit(self._lead)

    # --- leading

    def _lead(self, tickets: list[Ticket] | None = None) -> None:
        """Serve one group (the tickets given, and those that wait), then let the next one lead."""
        try:
            group = self._take(tickets or [])
            self._call_another()
            self._serve_group(group)
        finally:
            self._hand_over()

    def _serve_group(self, group: list[Ticket]) -> None:
        try:
            if group:
                self._serve(group)
        except BaseException as error:
            for ticket in group:
                ticket.error = ticket.error or interrupted(ticket, error)
            raise
        finally:
            finish(group)

    def _take(self, group: list[Ticket]) -> list[Ticket]:
        """The next group, oldest first; those who have gone are left out."""
        with self._lock:
            share = -(-(len(self._queue) + len(group)) // (self._free + 1))  # what is left is for whoever else may lead
            most = min(self._most, max(share, SMALL))
            while self._queue and len(group) < most:
                ticket = self._queue.popleft()
                if not ticket.unwanted:
                    group.append(ticket)
            self._tell()
        return group

    def _call_another(self) -> None:
        """Let somebody else lead as well, when that is possible and there is somebody."""
        with self._lock:
            if not self._free or not self._queue:
                return
            self._free -= 1
        self._hand_over()

    def _hand_over(self) -> None:
        with self._lock:
            following = self._queue[0] if self._queue else None
            if following is None:
                self._free += 1
                self._tell()
            elif following.gate is not None:
                self._queue.popleft()
                following.leads = True
                following.gate.release()
        if following is not None and following.gate is None:
            self._employ()

    def _wait(self) -> None:
        self._sleepers += 1
        try:
            self._changed.wait()
        finally:
            self._sleepers -= 1

    def _tell(self) -> None:
        """Wake whoever waits for room, or for the end."""
        if self._sleepers:
            self._changed.notify_all()
        while self._waiting:
            room = self._waiting.popleft()
            if not room.get_loop().is_closed():
                room.get_loop().call_soon_threadsafe(_wake, room)

    # --- the end

    def close(self) -> None:
        """Serve what waits and take no more; returns when nothing is left."""
        with self._lock:
            self._closed = True
            while self._free < self._leaders:
                self._wait()
            self._tell()
        if self._own is not None:
            self._own.shutdown()

    def _verify_open(self) -> None:
        if self._closed:
            raise RuntimeError("this writer was closed; make a new one")


def interrupted(ticket: Ticket, error: BaseException) -> InDoubt:
    """What those get whose leader was interrupted in the middle: nobody here knows what became of the group."""
    said = f"the thread that wrote for several was interrupted ({error!r}): it may or may not have happened"
    doubt = InDoubt(f"{said}; {REPEAT}", key=ticket.request.key)
    doubt.__cause__ = error
    return doubt


def _wake(room: asyncio.Future[None]) -> None:
    if not room.done():
        room.set_result(None)
