"""What happened in a run, moment by moment: who did what, what was read, what came of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Moment", "brief", "named", "told"]

WIDTH = 100


@dataclass(slots=True)
class Moment:
    """One thing that a client did: a statement in brief, COMMIT, ROLLBACK, or what it called a `point`.

    `number` counts the moments of a run. `read` are the first rows that came back, as far as the client has fetched
    them, `said` is the number of rows that were changed or the error, `waited` says that a lock of another was in the
    way.
    """

    number: int
    client: str
    what: str
    given: str = ""
    read: list[str] = field(default_factory=list)
    said: str = ""
    waited: bool = False

    def lines(self, width: int) -> list[str]:
        """The moment for people; names are filled up to a width."""
        waited = "(had to wait) " if self.waited else ""
        given = f"  {self.given}" if self.given else ""
        more = [f"read {row}" for row in self.read] + ([self.said] if self.said else [])
        return [f"{self.number:4} {self.client:{width}}  {waited}{self.what}{given}", *(_under(width, m) for m in more)]


def _under(width: int, text: str) -> str:
    return f"{'':{width + 5}}    -> {text}"


def brief(statement: str) -> str:
    """A statement in one line, without the lists of columns that make it long."""
    line = " ".join(statement.split())
    line = re.sub(r"\bSELECT (.{24,}?) FROM ", "SELECT … FROM ", line)
    line = re.sub(r"(INSERT INTO \S+) \(.{24,}?\)", r"\1 (…)", line)
    line = re.sub(r"VALUES \([^()]{24,}\)", "VALUES (…)", line)
    return cut(line, WIDTH)


def cut(text: str, width: int) -> str:
    """A text, or its beginning."""
    return text if len(text) <= width else f"{text[: width - 1]}…"


def told(parameters: Any) -> str:
    """The parameters of a statement in brief; what is None is left out."""
    if isinstance(parameters, (list, tuple)) and parameters and isinstance(parameters[0], (dict, tuple, list)):
        return cut(f"{len(parameters)} times", WIDTH)
    if isinstance(parameters, dict):
        given = [f"{name}={_value(value)}" for name, value in parameters.items() if value is not None]
    else:
        given = [_value(value) for value in parameters or () if value is not None]
    return cut(", ".join(given), 60)


def named(description: Sequence[Sequence[Any]], row: Sequence[Any]) -> str:
    """A row as a client got it, with the names of its columns; what is None is left out."""
    found = [
        f"{column[0]!s}={_value(value)}" for column, value in zip(description, row, strict=True) if value is not None
    ]
    return cut(", ".join(found) or "nothing but NULL", WIDTH)


def _value(value: Any) -> str:
    return cut(repr(getattr(value, "obj", value)), 32)
