"""Units of work: one session per request, committed before the answer is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy.orm import Session

__all__ = ["Sessions", "reading"]

Sessions = Callable[[], Session]
"""A new session, such as a `sessionmaker` gives; requests that write give it to `orderfsm.lifecycle.transact`."""


@contextmanager
def reading(sessions: Sessions) -> Iterator[Session]:
    """A session that only reads: on SQLite it waits for nobody, and nobody for it."""
    with sessions() as session:
        session.connection(execution_options={"sqlite_begin": "DEFERRED"})
        yield session
