"""Whether a database is ready for what it is about to be trusted with: asked once, when a service starts.

Read only, apart from a BEGIN IMMEDIATE on SQLite that is rolled back. Nothing is mended: each finding says what to
change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from orderfsm.errors import NotReady, UnsafeSettings
from orderfsm.finding import Finding
from orderfsm.lifecycle import Lifecycle

from .charts import chart_findings
from .guarding import guard_findings, registration_findings
from .remark import remark
from .schema import schema_findings
from .settings import encoding_findings, settings_findings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy import Connection, Engine
    from sqlalchemy.ext.asyncio import AsyncEngine

    from orderfsm.sqlmodel import SqlStore

    Durability = Literal["full", "relaxed"]

__all__ = ["acheck", "averify", "check", "verify"]


def check(engine: Engine, *bound: Lifecycle | SqlStore, durability: Durability = "full") -> tuple[Finding, ...]:
    """What keeps the database from being trusted with the lifecycles, the gravest first; () when it is ready.

    The settings are those of a connection of the engine, whoever made it; `durability="relaxed"` accepts that a power
    cut takes the newest transactions. Of each lifecycle (of a store alone as well) the tables are compared with those
    of the database. `path` names the setting, table or column. What cannot be reached raises the driver's error.
    """
    try:
        refused = tuple(encoding_findings(engine))
        if refused:
            return refused
        with engine.connect() as connection:
            return _found(connection, bound, durability)
    except UnsafeSettings as unsafe:
        return (remark("unsafe-settings", "settings", str(unsafe), "change what the message names"),)


async def acheck(
    engine: AsyncEngine, *bound: Lifecycle | SqlStore, durability: Durability = "full"
) -> tuple[Finding, ...]:
    """`check` for an AsyncEngine."""
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(_found, bound, durability)
    except UnsafeSettings as unsafe:
        return (remark("unsafe-settings", "settings", str(unsafe), "change what the message names"),)


def verify(engine: Engine, *bound: Lifecycle | SqlStore, durability: Durability = "full") -> None:
    """Raise NotReady with the findings of `check` when one of them is an error."""
    _refuse(check(engine, *bound, durability=durability))


async def averify(engine: AsyncEngine, *bound: Lifecycle | SqlStore, durability: Durability = "full") -> None:
    """`verify` for an AsyncEngine."""
    _refuse(await acheck(engine, *bound, durability=durability))


def _found(
    connection: Connection, bound: Iterable[Lifecycle | SqlStore], durability: Durability
) -> tuple[Finding, ...]:
    found = [*settings_findings(connection, durability), *_all_bound(connection, bound)]
    connection.rollback()
    ranks = {"error": 0, "warning": 1, "note": 2}
    return tuple(dict.fromkeys(sorted(found, key=lambda finding: ranks[finding.severity])))


def _all_bound(connection: Connection, bound: Iterable[Lifecycle | SqlStore]) -> Iterator[Finding]:
    for each in bound:
        store: Any = each.store if isinstance(each, Lifecycle) else each
        drift = list(schema_findings(connection, store))
        yield from drift
        yield from guard_findings(connection, store)
        if isinstance(each, Lifecycle):
            yield from registration_findings(connection, each)
            yield from chart_findings(connection, each, readable=not drift)


def _refuse(findings: tuple[Finding, ...]) -> None:
    if any(finding.severity == "error" for finding in findings):
        raise NotReady(findings)
