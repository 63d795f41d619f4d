"""Operations for Alembic: import this module in `env.py`, and migrations may enforce histories.

`op.enforce_history("ticket_history", "ticket", {"order_id": "id"})`, `op.release_history(…)` with the same arguments,
and `op.register_chart(chart)`. They name tables and columns, so that a migration imports no models. The tables of
charts and edges belong to them: autogenerate leaves those alone where no model knows of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alembic.autogenerate import comparators
from alembic.operations import MigrateOperation, Operations
from alembic.operations.ops import DropTableOp
from alembic.util import DispatchPriority
from sqlalchemy import DDL

from orderfsm.table import compile

from .edges import CHARTS, EDGES
from .names import Names
from .presence import family
from .registration import adding, register, registration

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from alembic.operations.ops import UpgradeOps

    from orderfsm.chart import Chart

__all__ = ["EnforceHistory", "RegisterChart", "ReleaseHistory"]


class _OnHistory(MigrateOperation):
    """Two tables, and the columns of the history that refer to the order, each with the order's column."""

    def __init__(
        self,
        history: str,
        orders: str,
        keys: Mapping[str, str],
        schema: str | None = None,
        orders_schema: str | None = None,
        unique: Iterable[Iterable[str]] = (),
    ) -> None:
        self.history, self.orders, self.keys = history, orders, dict(keys)
        self.schema, self.orders_schema = schema, orders_schema
        self.unique = tuple(tuple(columns) for columns in unique)

    def names(self, operations: Operations) -> Names:
        """The names, as the dialect of a migration quotes them."""
        keys = {column: local for local, column in self.keys.items()}
        dialect = operations.get_context().dialect
        return Names(dialect, self.orders, self.history, keys, self.schema, self.orders_schema, self.unique)

    def again(self) -> tuple[Any, ...]:
        """The arguments."""
        return self.history, self.orders, self.keys, self.schema, self.orders_schema, self.unique


@Operations.register_operation("enforce_history")
class EnforceHistory(_OnHistory):
    """Let the database enforce a history."""

    @classmethod
    def enforce_history(
        cls,
        operations: Operations,
        history: str,
        orders: str,
        keys: Mapping[str, str],
        *,
        schema: str | None = None,
        orders_schema: str | None = None,
        unique: Iterable[Iterable[str]] = (),
    ) -> None:
        """Create the triggers, and the tables of charts and edges where they are missing; repeated, they are renewed.

        `keys` are the history's columns that refer to the order, each with the order's column; `unique` sets of other
        columns of the history that are unique in it: SQLite's REPLACE is refused where it would hit them.
        """
        operations.invoke(cls(history, orders, keys, schema, orders_schema, unique))

    def reverse(self) -> ReleaseHistory:
        """The opposite."""
        return ReleaseHistory(*self.again())


@Operations.register_operation("release_history")
class ReleaseHistory(_OnHistory):
    """Let the database enforce a history no longer."""

    @classmethod
    def release_history(
        cls,
        operations: Operations,
        history: str,
        orders: str,
        keys: Mapping[str, str],
        *,
        schema: str | None = None,
        orders_schema: str | None = None,
    ) -> None:
        """Drop the triggers; the tables of charts and edges stay. Rebuilding a table on SQLite asks for it first."""
        operations.invoke(cls(history, orders, keys, schema, orders_schema))

    def reverse(self) -> EnforceHistory:
        """The opposite."""
        return EnforceHistory(*self.again())


@Operations.register_operation("register_chart")
class RegisterChart(MigrateOperation):
    """Make a chart known."""

    def __init__(self, chart: Chart, schema: str | None = None) -> None:
        self.chart, self.schema = chart, schema

    @classmethod
    def register_chart(cls, operations: Operations, chart: Chart, *, schema: str | None = None) -> None:
        """Make a chart known to the database, for services that may not; what is known stays as it is."""
        operations.invoke(cls(chart, schema))


@Operations.implementation_for(EnforceHistory)
def _enforce(operations: Operations, operation: EnforceHistory) -> None:
    names = operation.names(operations)
    _run(operations, family(names.dialect).create(names))


@Operations.implementation_for(ReleaseHistory)
def _release(operations: Operations, operation: ReleaseHistory) -> None:
    names = operation.names(operations)
    _run(operations, family(names.dialect).drop(names))


@Operations.implementation_for(RegisterChart)
def _register(operations: Operations, operation: RegisterChart) -> None:
    table = compile(operation.chart)
    if not operations.get_context().as_sql:
        register(operations.get_bind(), table, schema=operation.schema)
        return
    for into, rows in registration(table, operation.schema):
        operations.execute(adding(operations.get_context().dialect, into).values(rows))


@comparators.dispatch_for("schema", priority=DispatchPriority.LAST)
def _keep(_: Any, upgrade: UpgradeOps, __: Any) -> None:
    """Drop neither of our tables."""
    ours = (CHARTS, EDGES)
    upgrade.ops = [op for op in upgrade.ops if not (isinstance(op, DropTableOp) and op.table_name in ours)]


def _run(operations: Operations, statements: Iterable[str]) -> None:
    for statement in statements:
        operations.execute(DDL(statement.replace("%", "%%")))  # type: ignore[no-untyped-call]
