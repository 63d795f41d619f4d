"""A TCP proxy in front of PostgreSQL that cuts, delays and swallows, where it is told to.

    with Proxy(postgres_url) as proxy:
        database = engine(proxy.url)
        proxy.rule = once(b"COMMIT", Fault.CUT_AFTER)

A rule sees each piece that a client sends and says what becomes of it. Nothing is known of the protocol: a piece is
what one read gives, which on one computer is what the client wrote at once.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from enum import Enum
from itertools import count

from sqlalchemy import URL, make_url

__all__ = ["Fault", "Proxy", "once"]

PIECE = 1 << 16
RESET = struct.pack("ii", 1, 0)
"""The value of SO_LINGER with which closing a socket sends RST."""


class Fault(Enum):
    """What becomes of a piece that a client sends, and of its connection."""

    PASS = "pass"
    DELAY = "delay"  # the server gets it `proxy.delay` seconds later
    CUT_BEFORE = "cut before"  # the server never gets it; both sides are reset
    CUT_AFTER = "cut after"  # the server gets it and answers; then both sides are reset, and the answer is lost
    SILENCE = "silence"  # the server gets it; from now on nothing comes back, and nobody hangs up


Rule = Callable[[bytes], Fault]


def always_pass(piece: bytes) -> Fault:
    """The rule that changes nothing."""
    return Fault.PASS


def once(what: bytes, fault: Fault, *, after: int = 0) -> Rule:
    """A rule for the first piece that holds these bytes, or the first one after so many of them."""
    seen, lock = count(), threading.Lock()

    def rule(piece: bytes) -> Fault:
        if what not in piece:
            return Fault.PASS
        with lock:
            return fault if next(seen) == after else Fault.PASS

    return rule


class Proxy:
    """The proxy; `rule` and `delay` may be changed at any time.

    `counts` says how often each fault was done, `refused` how many were reset because nobody is let in.
    """

    def __init__(self, url: str | URL) -> None:
        self._server = make_url(url)
        self.rule: Rule = always_pass
        self.delay = 0.2
        self.counts: Counter[Fault] = Counter()
        self.refused = 0
        self._open = True
        self._accepting = True
        self._lines: set[Line] = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def url(self) -> URL:
        """The SQLAlchemy URL of the same database by way of the proxy."""
        query = {name: value for name, value in self._server.query.items() if name not in ("host", "port")}
        port = self._listener.getsockname()[1]
        return self._server.set(host="127.0.0.1", port=port, query={**query, "sslmode": "disable"})

    def cut(self) -> int:
        """Reset every connection that is open; how many there were."""
        lines = tuple(self._lines)
        for line in lines:
            line.cut()
        return len(lines)

    def refuse(self) -> None:
        """Reset who connects from now on, as a server that is down does."""
        self._accepting = False

    def accept(self) -> None:
        """Let clients connect again."""
        self._accepting = True

    def close(self) -> None:
        """Stop listening, and reset every connection."""
        self._open = False
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while self._open:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                server = self._reach() if self._accepting else None
            except OSError:  # the server is down
                server = None
            if server is None:
                self.refused += 1
                _reset(client)
            else:
                Line(self, client, server).start()

    def _reach(self) -> socket.socket:
        """A connection to the server, over TCP or a Unix socket."""
        query = self._server.query
        host, port = query.get("host") or self._server.host or "127.0.0.1", query.get("port") or self._server.port
        if not str(host).startswith("/"):
            made = socket.create_connection((str(host), int(str(port or 5432))))
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return made
        made = socket.socket(socket.AF_UNIX)
        made.connect(f"{host}/.s.PGSQL.{port or 5432}")
        return made


class Line:
    """One client's connection: two threads that pass on what comes, each in its direction."""

    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket) -> None:
        self.proxy, self.client, self.server = proxy, client, server
        self.state = Fault.PASS

    def start(self) -> None:
        self.proxy._lines.add(self)
        for work in (self._ask, self._answer):
            threading.Thread(target=self._kept, args=(work,), daemon=True).start()

    def cut(self) -> None:
        """Reset both sides."""
        self.proxy._lines.discard(self)
        _reset(self.client)
        _reset(self.server)

    def _kept(self, work: Callable[[], None]) -> None:
        with contextlib.suppress(OSError):
            work()
        self.cut()

    def _ask(self) -> None:
        for piece in _pieces(self.client):
            fault = self.proxy.rule(piece)
            self.proxy.counts[fault] += 1
            if fault is Fault.CUT_BEFORE:
                return
            if fault is Fault.DELAY:
                time.sleep(self.proxy.delay)
            elif fault is not Fault.PASS:
                self.state = fault
            self.server.sendall(piece)

    def _answer(self) -> None:
        for piece in _pieces(self.server):
            if self.state is Fault.CUT_AFTER:
                return
            if self.state is not Fault.SILENCE:
                self.client.sendall(piece)


def _pieces(source: socket.socket) -> Iterator[bytes]:
    """What a socket receives, until it is closed."""
    while piece := source.recv(PIECE):
        yield piece


def _reset(end: socket.socket) -> None:
    """Close a socket at once; a thread that waits on it wakes up."""
    with contextlib.suppress(OSError):
        if end.family == socket.AF_INET:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        end.shutdown(socket.SHUT_RD)  # wakes the reader; shutting down both directions would send FIN instead of RST
    end.close()
