"""Which of our triggers a database lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from . import postgresql, sqlite

if TYPE_CHECKING:
    from sqlalchemy import Connection, Dialect

    from .names import Names

__all__ = ["family", "missing"]

FAMILIES: dict[str, Any] = {"sqlite": sqlite, "postgresql": postgresql}


def missing(connection: Connection, names: Names) -> tuple[str, ...]:
    """The triggers that are not there, or are switched off; () when histories are enforced."""
    if connection.dialect.name == "sqlite":
        there = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    else:
        there = "SELECT tgname FROM pg_trigger WHERE tgenabled <> 'D'"
    found = set(connection.execute(text(there)).scalars())
    wanted = [names.own(what) for what in family(connection.dialect).WHATS]
    return tuple(name for name in wanted if name not in found)


def family(dialect: Dialect | str) -> Any:
    """The statements for a dialect; raises ValueError for one that is not supported."""
    name = dialect if isinstance(dialect, str) else dialect.name
    try:
        return FAMILIES[name]
    except KeyError:
        raise ValueError(f"histories are enforced on sqlite and postgresql, not on {name}") from None
