"""Two PostgreSQLs, of which one follows the other and takes its place when it dies."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from faults.server import Server, server
from kept_waiting import PATIENCE

__all__ = ["Replicas", "replicas"]

SETTINGS = {"dynamic_shared_memory_type": "mmap", "wal_keep_size": "64MB", "max_connections": "100"}


class Replicas:
    """A primary and its standby; `url` is SQLAlchemy's, and leads to whichever of them takes writes."""

    def __init__(self, primary: Server, standby: Server) -> None:
        self.primary, self.standby = primary, standby
        hosts = f"host={primary.sockets}&host={standby.sockets}"
        self.url = f"postgresql+psycopg://postgres@/postgres?{hosts}&target_session_attrs=read-write"

    @property
    def promotions(self) -> int:
        """How often a standby has taken over: PostgreSQL counts timelines, from 1."""
        return int(self._ask("SELECT left(pg_walfile_name(pg_current_wal_lsn()), 8)")[0][0], 16) - 1

    def attach(self) -> None:
        """Give the primary a new standby; returns when it follows."""
        self.standby.copy(self.primary)
        self.standby.start()
        end = time.monotonic() + PATIENCE
        while not self._ask(
            "SELECT 1 FROM pg_stat_replication WHERE sync_state IN ('sync', 'async') AND state = 'streaming'"
        ):
            assert time.monotonic() < end, "the standby does not follow"
            time.sleep(0.02)

    def fail_over(self) -> None:
        """The primary is killed, the standby takes its place. What is committed from now on waits for a new standby."""
        self.primary.kill()
        self.primary, self.standby = self.standby, self.primary
        self._ask("SELECT pg_promote()")

    def succeed(self) -> None:
        """Fail over, and attach a new standby."""
        self.fail_over()
        self.attach()

    def hold(self) -> None:
        """From now on the standby gets nothing: the process that sends to it is stopped."""
        os.kill(self._ask("SELECT pid FROM pg_stat_replication")[0][0], signal.SIGSTOP)

    def cancel(self) -> int:
        """Cancel what waits for the standby: PostgreSQL then says COMMIT, with a warning. How many there were."""
        return len(self._ask("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"))

    def _ask(self, query: str) -> list[Any]:
        with self.primary.connect() as connection:
            return connection.execute(query.encode()).fetchall()


@contextmanager
def replicas(*, synchronous: str) -> Iterator[Replicas]:
    """A pair, which is gone after the block; `synchronous` are the names of the standbys that a commit waits for."""
    settings = SETTINGS | {"synchronous_standby_names": synchronous}
    with (
        server(start=False, **settings) as primary,
        server(initialise=False, start=False, **settings) as standby,
    ):
        primary.start()
        made = Replicas(primary, standby)
        made.attach()
        yield made
