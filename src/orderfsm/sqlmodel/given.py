"""Rows that travel with a statement: a table made of parameters, one array per column, so that a statement is a set's.

PostgreSQL gets arrays (`unnest`), SQLite JSON (`json_each`). The text of a statement is the same for any number of
rows.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import Integer, Text, bindparam, cast, column, func, literal_column, select, type_coerce
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import NullType

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Dialect

__all__ = ["Given", "Unfit"]


ALL: Any = literal_column("-1")
NONE: Any = literal_column("0")
"""A limit and an offset that leave nothing out."""


class Unfit(Exception):
    """A value that cannot travel so: SQLite's JSON holds neither bytes nor every fraction."""


class Given:
    """The columns of such a table, by name and type; `table` is what statements select from.

    `names` are the names of its parameters; `arrays` are these as arrays, where there are any.
    """

    def __init__(self, dialect: Dialect, columns: Mapping[str, Any]) -> None:
        self._arrays = dialect.name == "postgresql"
        self.names = tuple(f"given_{name}" for name in columns)
        self.arrays: Sequence[Any] = ()
        self._types = tuple(columns.values())
        self.table: Any = self._unnested(columns) if self._arrays else self._parsed(columns)
        self._processors = [type_.dialect_impl(dialect).bind_processor(dialect) for type_ in columns.values()]

    def _unnested(self, columns: Mapping[str, Any]) -> Any:
        self.arrays = [_array(f"given_{name}", type_) for name, type_ in columns.items()]
        made = [column(name, type_) for name, type_ in columns.items()]
        return func.unnest(*self.arrays).table_valued(*made, name="given").render_derived(name="given")

    def _parsed(self, columns: Mapping[str, Any]) -> Any:
        """The arrays side by side: the first is read from end to end, the others are found by their places.

        Without a limit SQLite would read the others from the beginning for each row of the first, and an inner join
        would leave it the choice which is the first.
        """
        arrays = [func.json_each(bindparam(f"given_{name}", type_=Text())) for name in columns]
        first, *others = (each.table_valued("key", "value", name=f"c{place}") for place, each in enumerate(arrays))
        parts: list[Any] = [first]
        joined: Any = first
        for place, other in enumerate(others, 1):
            part = select(other.c.key, other.c.value).limit(ALL).offset(NONE).subquery(f"p{place}")
            joined = joined.outerjoin(part, part.c.key == first.c.key)
            parts.append(part)
        typed = (type_coerce(part.c.value, type_) for part, type_ in zip(parts, columns.values(), strict=True))
        values = (value.label(name) for value, name in zip(typed, columns, strict=True))
        return select(*values).select_from(joined).limit(ALL).offset(NONE).subquery("given")

    def packed(self, *columns: Sequence[Any]) -> list[Any]:
        """The values of the parameters; raises Unfit."""
        if self._arrays:
            return [_listed(values, type_) for values, type_ in zip(columns, self._types, strict=True)]
        return [_text(values, process) for values, process in zip(columns, self._processors, strict=True)]


def _array(name: str, type_: Any) -> Any:
    """A parameter that is an array; whole numbers may come as text."""
    if isinstance(type_, Integer):
        return cast(bindparam(name, type_=NullType()), ARRAY(type_, dimensions=1))
    return bindparam(name, type_=ARRAY(type_, dimensions=1))


def _listed(values: Sequence[Any], type_: Any) -> Any:
    """What the driver gets: of whole numbers the text of an array, for it takes long to make that from a list."""
    if isinstance(type_, Integer) and set(map(type, values)) == {int}:
        return f"{{{','.join(map(str, values))}}}"
    return list(values)


def _text(values: Sequence[Any], process: Any) -> str:
    """A column as JSON, its values as the driver would get them."""
    found = list(values) if process is None else [None if value is None else process(value) for value in values]
    for kind in set(map(type, found)):
        if kind not in (int, str, bool, type(None)):
            raise Unfit(kind.__name__)
    return json.dumps(found, ensure_ascii=False)
