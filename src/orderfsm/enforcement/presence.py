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
    made = family(connection.dialect)
    found = (_sqlite if connection.dialect.name == "sqlite" else _postgresql)(connection, names)
    wanted = [(names.history, what) for what in made.HISTORY] + [(names.orders, what) for what in made.ORDERS]
    return tuple(names.own(what) for table, what in wanted if (table, names.own(what)) not in found)


def _sqlite(connection: Connection, names: Names) -> set[tuple[str, str]]:
    schema = names.quote(names.schema or "main")
    rows = connection.execute(text(f"SELECT tbl_name, name FROM {schema}.sqlite_master WHERE type = 'trigger'"))
    return {(table, name) for table, name in rows}


def _postgresql(connection: Connection, names: Names) -> set[tuple[str, str]]:
    """Those that run in ordinary sessions."""
    query = text(
        "SELECT relname, tgname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid "
        "WHERE tgrelid IN (to_regclass(:history), to_regclass(:orders)) AND tgenabled IN ('O', 'A')"
    )
    tables = {name: names.all[name] for name in ("history", "orders")}
    return {(table, name) for table, name in connection.execute(query, tables)}


def family(dialect: Dialect | str) -> Any:
    """The statements for a dialect; raises ValueError for one that is not supported."""
    name = dialect if isinstance(dialect, str) else dialect.name
    try:
        return FAMILIES[name]
    except KeyError:
        raise ValueError(f"histories are enforced on sqlite and postgresql, not on {name}") from None
