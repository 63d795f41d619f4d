"""What a file says: one row per shipment, with its statuses and when it showed them, oldest first.

JSON lines: {"number": "S-1", "customer": "Ada", "history": [{"status": "10", "at": "2026-01-02T08:00:00Z"}]}
CSV: number,customer,status,at,by with a line per status; the lines of a shipment stand together.
"""

import csv
import json
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import AwareDatetime, BaseModel, Field, ValidationError


class Sighting(BaseModel):
    status: str
    at: AwareDatetime
    by: str = ""


class Life(BaseModel):
    number: str = Field(min_length=1, max_length=40)
    customer: str
    history: list[Sighting] = Field(min_length=1)

    def seen(self) -> list[Sighting]:
        """The history without statuses that were only reported again."""
        return [next(same) for _, same in groupby(self.history, key=lambda sighting: sighting.status)]


class Row(NamedTuple):
    """A shipment of the file, and the line that it begins in; without a life, `wrong` says why."""

    line: int
    number: str
    life: Life | None
    wrong: str = ""


def read(file: Path) -> Iterator[Row]:
    """The rows of a file, one at a time: it may have any number."""
    with file.open(encoding="utf-8", newline="") as lines:
        yield from _csv(lines) if file.suffix == ".csv" else _json(lines)


def _json(lines: Iterator[str]) -> Iterator[Row]:
    for place, line in enumerate(lines, 1):
        try:
            yield _row(place, json.loads(line))
        except json.JSONDecodeError as error:
            yield Row(place, "", None, f"no JSON: {error.msg}")


def _csv(lines: Iterator[str]) -> Iterator[Row]:
    rows = enumerate(csv.DictReader(lines), 2)
    for number, group in groupby(rows, key=lambda row: row[1].get("number")):
        (place, first), *others = group
        history = [
            {name: row[name] for name in ("status", "at", "by") if row.get(name)}
            for row in (first, *(o[1] for o in others))
        ]
        yield _row(place, {"number": number, "customer": first.get("customer"), "history": history})


def _row(place: int, told: Any) -> Row:
    number = str(told.get("number") or "") if isinstance(told, dict) else ""
    try:
        return Row(place, number, Life.model_validate(told))
    except ValidationError as error:
        flaws = (f"{'.'.join(map(str, flaw['loc']))}: {flaw['msg']}" for flaw in error.errors())
        return Row(place, number, None, "; ".join(flaws))
