"""The tables and statements of the contestants that are not ours: the same columns, by hand and by the ORM."""

# No `from __future__ import annotations`: SQLModel reads the annotations of tables when the class is made.

from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import JSON
from sqlmodel import Field, SQLModel

from benchmarks.stepping import ARROWS
from orderfsm.chart import Chart

LEGAL = {(source, event): target for event, source, target in ARROWS}

FIRST: dict[str, Any] = {"configuration": "received", "code": "received"}

ENTRY = (
    *("order_id", "sequence", "event", "before", "after", "code", "category", "actor_role", "actor_id", "actor_label"),
    *("origin", "reason_code", "reason_text", "links", "payload", "occurred_at", "recorded_at"),
    *("chart", "chart_version", "chart_profile", "chart_hash", "key", "fingerprint", "caused_by", "corrects"),
)
STATE = ("configuration", "code", "category", "revision", "chart", "chart_version")


def _names(columns: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in columns)


def _typed(name: str) -> str:
    """A parameter with the type of its column, as a SELECT wants it."""
    kinds = {"sequence": "integer", "corrects": "integer", "links": "json", "payload": "json"}
    kinds |= dict.fromkeys(("occurred_at", "recorded_at"), "timestamptz")
    return f"%s::{kinds.get(name, 'text')}"


def _insert(mark: str) -> str:
    return f"INSERT INTO order_history ({', '.join(ENTRY)}) VALUES ({', '.join(mark for _ in ENTRY)})"


def _update(mark: str) -> str:
    return (
        f"UPDATE orders SET {', '.join(f'{name} = {mark}' for name in STATE)} WHERE id = {mark} AND revision = {mark}"
    )


INSERT_SQLITE, UPDATE_SQLITE = _insert("?"), _update("?")
INSERT_POSTGRESQL, UPDATE_POSTGRESQL = _insert("%s"), _update("%s")


APPEND_POSTGRESQL = (
    f"WITH moved AS ({UPDATE_POSTGRESQL} RETURNING id) INSERT INTO order_history ({_names(ENTRY)}) "
    f"SELECT id, {', '.join(_typed(name) for name in ENTRY[1:])} FROM moved"
)


def next_of(state: str, event: str) -> str:
    """Where an event leads; KeyError when it is illegal."""
    return LEGAL[state, event]


def order_values(chart: Chart, order_id: int, revision: int, after: str) -> tuple[Any, ...]:
    """The parameters of the UPDATE."""
    return (after, after, None, revision + 1, chart.name, chart.version, order_id, revision)


def entry_values(
    chart: Chart,
    order_id: int,
    sequence: int,
    event: str,
    before: str,
    after: str,
    moment: Any,
    links: Any = "[]",
) -> tuple[Any, ...]:
    """The parameters of the INSERT; moment and links as the driver takes them."""
    step = (order_id, sequence, event, before, after, after, None)
    version = (chart.name, chart.version, chart.profile, chart.hash)
    return (*step, "staff", "", "", "send", None, None, links, None, moment, moment, *version, None, None, None, None)


def sqlite_moment(now: datetime) -> str:
    """A moment as SQLAlchemy reads it."""
    return now.isoformat(" ")[:26]


class OrmOrder(SQLModel, table=True):
    """An order whose state is a column that the ORM writes."""

    __tablename__ = "bench_orders"

    id: int | None = Field(default=None, primary_key=True)
    configuration: str
    code: str | None = None
    category: str | None = None
    revision: int | None = Field(default=None, nullable=False)
    chart: str | None = None
    chart_version: str | None = None
    reference: str | None = Field(default=None, index=True)
    data: dict[str, Any] = Field(default_factory=dict, sa_type=JSON, nullable=False)

    __mapper_args__: ClassVar[dict[str, Any]] = {}


OrmOrder.__mapper__.version_id_col = OrmOrder.__table__.c.revision  # type: ignore[attr-defined]


class OrmHistory(SQLModel, table=True):
    """A row of history that the ORM writes."""

    __tablename__ = "bench_history"

    order_id: int = Field(foreign_key="bench_orders.id", primary_key=True)
    sequence: int = Field(primary_key=True)
    event: str
    before: str
    after: str
    code: str | None = None
    category: str | None = None
    actor_role: str | None = None
    actor_id: str | None = None
    actor_label: str | None = None
    origin: str
    reason_code: str | None = None
    reason_text: str | None = None
    links: list[dict[str, str]] = Field(default_factory=list, sa_type=JSON, nullable=False)
    payload: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    occurred_at: datetime
    recorded_at: datetime
    chart: str
    chart_version: str
    chart_profile: str
    chart_hash: str
    key: str | None = None
    fingerprint: str | None = None
    caused_by: str | None = None
    corrects: int | None = None

    @classmethod
    def of(cls, chart: Chart, order: OrmOrder, event: str, before: str, after: str, now: datetime) -> "OrmHistory":
        """The row for one step."""
        return cls(
            order_id=order.id,
            sequence=(order.revision or 0) + 1,
            event=event,
            before=before,
            after=after,
            code=after,
            actor_role="staff",
            actor_id="",
            actor_label="",
            origin="send",
            occurred_at=now,
            recorded_at=now,
            chart=chart.name,
            chart_version=chart.version,
            chart_profile=chart.profile,
            chart_hash=chart.hash,
        )
