"""How an order's key is written in a path: one segment per column, and one spelling per value."""

# No `from __future__ import annotations`: FastAPI reads the annotations of what is made here.

import inspect
import re
from collections.abc import Callable, Coroutine, Sequence
from typing import Annotated, Any, NewType
from urllib.parse import quote
from uuid import UUID

from fastapi import Path
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import and_, bindparam

from orderfsm.http.failure import Rejected
from orderfsm.http.strict import LARGEST
from orderfsm.sqlmodel import SqlStore

__all__ = ["Keys", "OrderKey", "absent"]

OrderKey = NewType("OrderKey", tuple[Any, ...])
"""The parts of an order's key, as its columns have them."""

INTEGER = re.compile(r"0|-?[1-9][0-9]{0,18}")
CANONICAL = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
SHOWN: dict[type, dict[str, str]] = {int: {"type": "integer"}, UUID: {"format": "uuid"}}


def absent() -> Rejected:
    """An order that is not there, or is not for whoever asks: nobody can tell which."""
    return Rejected(404, "absent", "there is no such order")


class Keys:
    """The key of the orders of a store.

    `template` is its part of a path, `read` the dependency that reads it, `condition` what an order of a key fulfils.
    """

    def __init__(self, store: SqlStore) -> None:
        self._columns = [column for _, column, _ in store.pairing.keys]
        self._attributes = [store.pairing.mapper.get_property_by_column(column).key for column in self._columns]
        self._readers = [_reader(column.type.python_type) for column in self._columns]
        self.template = "/".join(f"{{{name}}}" for name in self._attributes)
        self.read = self._dependency()
        self._names = [f"of_{name}" for name, _, _ in store.pairing.keys]
        asked = (bindparam(name, type_=each.type) for name, each in zip(self._names, self._columns, strict=True))
        self.condition = and_(*(column == each for column, each in zip(self._columns, asked, strict=True)))

    def of(self, texts: Sequence[str]) -> OrderKey:
        """The key that segments of a path spell; raises Rejected when they spell none."""
        return OrderKey(tuple(read(text) for read, text in zip(self._readers, texts, strict=True)))

    def path(self, identity: Sequence[Any]) -> str:
        """The key as segments of a path."""
        return "/".join(quote(str(part), safe="") for part in identity)

    def parameters(self, key: OrderKey) -> dict[str, Any]:
        """The parameters of `condition` for this key."""
        return dict(zip(self._names, key, strict=True))

    def _dependency(self) -> Callable[..., Coroutine[Any, Any, OrderKey]]:
        async def read(**texts: str) -> OrderKey:
            return self.of([texts[name] for name in self._attributes])

        parameters = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=_annotation(column.type.python_type))
            for name, column in zip(self._attributes, self._columns, strict=True)
        ]
        read.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        return read


def _annotation(kind: type) -> Any:
    return Annotated[str, Path(json_schema_extra=dict(SHOWN.get(kind, {})))]


def _reader(kind: type) -> Callable[[str], Any]:
    if kind is int:
        return _integer
    if kind is UUID:
        return _uuid
    return _text if kind is str else _other(kind)


def _integer(text: str) -> int:
    if not INTEGER.fullmatch(text) or not -LARGEST - 1 <= (number := int(text)) <= LARGEST:
        raise absent()
    return number


def _uuid(text: str) -> UUID:
    if not CANONICAL.fullmatch(text):
        raise absent()
    return UUID(text)


def _text(text: str) -> str:
    if len(text) > 255:
        raise absent()
    return text


def _other(kind: type) -> Callable[[str], Any]:
    """A key of any other type, such as a date, in the spelling that pydantic reads."""
    adapter = TypeAdapter[Any](kind)

    def read(text: str) -> Any:
        try:
            return adapter.validate_strings(text)
        except ValidationError:
            raise absent() from None

    return read
