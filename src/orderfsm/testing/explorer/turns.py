"""One client at a time: each runs in a thread of its own and stops at every point, where a schedule says who goes on.

A schedule is a tuple of choices, one for each moment at which more than one client can go on: 0 lets the one go on that
was running (or, when it cannot, the first that can), 1 the next, and so on. What the schedule does not say is 0. Or it
is a tuple of switches. No clock decides: a time limit only tells of clients that do not come back.
"""

from __future__ import annotations

import sys
import sysconfig
import threading
import time
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from queue import Empty, SimpleQueue
from traceback import extract_stack
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from .trace import Moment

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Client", "Decision", "Hung", "Locks", "Stopped", "Turns", "client_here", "point"]

_here = threading.local()
HERE = str(Path(__file__).parent)
GRACE = 5.0
"""For how many seconds clients that are stopped are waited for."""


class Stopped(BaseException):
    """Raised in a client whose run is over, so that its `finally` and `with` blocks are left."""


class Hung(Exception):
    """A run does not come to its end."""


class Stand(Enum):
    """Where a client is: ready to go on, on its way, waiting for a lock, parked until one is free, or through."""

    READY = "is ready"
    MOVING = "is on its way"
    WAITING = "waits for a lock"
    PARKED = "waits for a lock, and asks again"
    THROUGH = "is through"


@dataclass(eq=False)
class Client:
    """A client in a run. `backend` is the server's process while the client waits for an answer from it.

    `step` says how often it was its turn, `since` at which moment it began to wait for a lock. `held` are the
    connections that it has taken from the pool and not given back.
    """

    number: int
    name: str
    turns: Turns
    stand: Stand = Stand.READY
    at: str = "before its first statement"
    backend: int | None = None
    relented: bool = False
    since: int = 0
    step: int = 0
    invoked: int = 0
    answered: int = 0
    value: Any = None
    error: BaseException | None = None
    held: dict[Any, Any] = field(default_factory=dict)
    go: SimpleQueue[None] = field(default_factory=SimpleQueue)
    lock: threading.Lock = field(default_factory=threading.Lock)
    thread: threading.Thread = field(default_factory=threading.Thread)


class Decision(NamedTuple):
    """A moment at which several could go on: how many, whether the one that was running was among them, who did."""

    options: int
    running: bool
    taken: int

    @property
    def cost(self) -> int:
        """1 when somebody was interrupted who could have gone on."""
        return int(self.running and self.taken > 0)


class Chooser(Protocol):
    """A schedule, as it is followed."""

    def choose(self, ready: Sequence[Client]) -> int:
        """Which of those who can go on does; the first is the one that was running, if it can."""
        ...


class Locks(Protocol):
    """What is known of a database's locks."""

    look: float
    """After how many seconds without news it is worth asking who waits for whom."""

    def call(self, client: Client, connection: Any, carry_out: Callable[[], None]) -> None:
        """Let a client do something in the database; a lock of another is waited for."""
        ...

    def stuck(self, clients: Sequence[Client]) -> bool:
        """Whether each of them waits for a lock that another client of the run holds."""
        ...

    def relent(self, clients: Sequence[Client]) -> Client:
        """The one of those waiting in a circle that is given up on; raises Hung when there is no circle."""
        ...

    def free(self, client: Client) -> None:
        """Let a client that is stopped wait no longer."""
        ...


def client_here() -> Client | None:
    """The client whose thread this is."""
    client: Client | None = getattr(_here, "client", None)
    return client


def point(name: str) -> None:
    """A point of your own, at which somebody else may go on; outside of an explored client, nothing.

    For what clients share besides the database: a cache, a file, a call to another server.
    """
    client = client_here()
    if client is not None:
        client.turns.point(client, name)


class Turns:
    """The clients of one run, and whose turn it is."""

    def __init__(self, locks: Locks, chooser: Chooser, patience: float, most: int) -> None:
        self.locks, self.chooser, self.patience, self.most = locks, chooser, patience, most
        self.clients: list[Client] = []
        self.decisions: list[Decision] = []
        self.moments: list[Moment] = []
        self.now = 0
        self.ended = False
        self.left: list[Client] = []
        self._current: Client | None = None
        self._said: SimpleQueue[None] = SimpleQueue()
        self._released = False

    # --- in the thread of a client

    def point(self, client: Client, what: str, given: str = "") -> Moment:
        """Stop until it is this client's turn; what it is about to do, to be filled with what comes of it."""
        if self.ended:
            raise Stopped
        client.at = f"before {what}"
        if self._alone(client):
            self.now += 1
        else:
            self.arrive(client, Stand.READY)
        return self.note(client, what, given)

    def _alone(self, client: Client) -> bool:
        """Whether there is nobody left who could go on instead: then it is not worth asking."""
        others = (other.stand for other in self.clients if other is not client)
        return self.now < self.most and client.invoked > 0 and all(stand is Stand.THROUGH for stand in others)

    def note(self, client: Client, what: str, given: str = "") -> Moment:
        """What a client does, where nobody else may come in between."""
        client.at = f"in {what}"
        moment = Moment(self.now, client.name, what, given)
        self.moments.append(moment)
        return moment

    def arrive(self, client: Client, stand: Stand) -> None:
        """Say where a client stands, and wait until it may go on."""
        client.stand = stand
        self._said.put(None)
        client.go.get()
        if self.ended:
            raise Stopped

    def released(self) -> None:
        """Say that a lock may have been given back: whoever is parked may ask again."""
        self._released = True

    def _live(self, client: Client, work: Callable[[], Any]) -> None:
        _here.client = client
        try:
            client.value = work()
        except Stopped:
            pass
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is what the client was told
            client.error = error
        finally:
            _here.client = None
            client.answered, client.stand = self.now, Stand.THROUGH
            self.released()
            self._said.put(None)

    # --- in the thread of the explorer

    def add(self, name: str, work: Callable[[], Any]) -> None:
        """One more client."""
        client = Client(len(self.clients), name, self)
        called = f"explored client {name}"
        client.thread = threading.Thread(target=self._live, args=(client, work), name=called, daemon=True)
        self.clients.append(client)

    def run(self) -> None:
        """Let all clients come to their end, in turns. Raises Hung; whatever happens, their threads are ended."""
        try:
            for client in self.clients:
                client.stand = Stand.MOVING
                client.thread.start()
                self._settle()
            while any(client.stand is not Stand.THROUGH for client in self.clients):
                self._let(self._chosen())
        finally:
            self._end()

    def _let(self, client: Client) -> None:
        """Let a client go on to its next point."""
        if self.now >= self.most:
            raise Hung(f"{client.name} has not ended after {self.most} moments; it stands {self._where(client)}")
        self.now += 1
        client.invoked = client.invoked or self.now
        client.step += 1
        client.stand, self._current = Stand.MOVING, client
        client.go.put(None)
        self._settle()

    def _chosen(self) -> Client:
        """Whose turn it is, as the schedule says."""
        ready = [client for client in self.clients if client.stand is Stand.READY]
        if not ready:
            return self._relented()
        running = self._current in ready
        if running:
            ready.sort(key=lambda client: client is not self._current)
        if len(ready) == 1:
            return ready[0]
        taken = self.chooser.choose(ready)
        self.decisions.append(Decision(len(ready), running, taken))
        return ready[taken]

    def _relented(self) -> Client:
        """Everybody waits for somebody: one is given up on, and told so by the database."""
        waiting = [client for client in self.clients if client.stand in (Stand.WAITING, Stand.PARKED)]
        client = self.locks.relent(sorted(waiting, key=lambda client: client.since))
        if client.stand is Stand.PARKED:
            client.stand = Stand.READY
        self._settle(client)
        self._settle()
        return self._chosen()

    def _settle(self, awaited: Client | None = None) -> None:
        """Return when nobody moves any more: everybody is at a point, through, or waits for another's lock."""
        end, now, wait = time.monotonic() + self.patience, self.now, self.locks.look
        while moving := self._moving(awaited):
            heard = self._heard(wait)
            if not heard and awaited is None and self.locks.stuck(moving) and not self._heard(0) and self._wait(moving):
                break
            if now != self.now:  # a client that is alone goes on without being told to
                end, now, wait = time.monotonic() + self.patience, self.now, self.locks.look
            elif time.monotonic() > end:
                raise Hung(self._said_of(moving))
            wait = min(2 * wait, 0.1)
        if self._released:
            self._released = False
            for client in self.clients:
                if client.stand is Stand.PARKED:
                    client.stand = Stand.READY

    def _moving(self, awaited: Client | None) -> list[Client]:
        if awaited is not None:
            return [awaited] if awaited.stand is Stand.WAITING else []
        return [client for client in self.clients if client.stand in (Stand.MOVING, Stand.WAITING)]

    def _heard(self, seconds: float) -> bool:
        """Whether some client had something to say."""
        try:
            self._said.get(timeout=seconds) if seconds else self._said.get_nowait()
        except Empty:
            return False
        return True

    def _wait(self, clients: Sequence[Client]) -> bool:
        """Whether all of them still wait in the database, now that it is known for what."""
        for client in clients:
            with client.lock:
                if client.backend is None:
                    return False
                if client.stand is Stand.MOVING:
                    client.stand, client.since = Stand.WAITING, self.now
                    self.moments[-1].waited = True
        return True

    # --- the end

    def _end(self) -> None:
        """End all threads: those that stand are told to stop, those that wait in the database are called back."""
        self.ended = True
        end = time.monotonic() + GRACE
        while alive := [client for client in self.clients if client.thread.is_alive()]:
            if time.monotonic() > end:
                self.left = alive
                return
            for client in alive:
                if client.stand in (Stand.READY, Stand.PARKED):
                    client.stand = Stand.MOVING
                    client.go.put(None)
                elif client.backend is not None:
                    self.locks.free(client)
            alive[0].thread.join(0.05)

    def _said_of(self, clients: Sequence[Client]) -> str:
        told = "; ".join(f"{client.name} {client.stand.value} {self._where(client)}" for client in clients)
        return f"nobody has gone on for {self.patience:g} seconds: {told}"

    def _where(self, client: Client) -> str:
        """The statement that a client has come to, and the line of its code."""
        frame = sys._current_frames().get(client.thread.ident or 0)
        own = [] if frame is None else [line for line in extract_stack(frame) if _of_a_client(line.filename)]
        where = f" ({own[-1].filename}:{own[-1].lineno}, in {own[-1].name})" if own else ""
        return f"{client.at}{where}"


def _of_a_client(path: str) -> bool:
    """Whether a file is neither ours, nor a package's, nor Python's."""
    return not path.startswith((HERE, "<sqlalchemy", *sysconfig.get_paths().values()))
