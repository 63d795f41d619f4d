"""Refusals, counted as they are raised: nothing is written when an event is refused, so that no table knows of them."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .errors import LogError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .errors import Refused

__all__ = ["Refusals"]

KEYS = ("chart", "configuration", "event", "code")


@dataclass(slots=True)
class Refusals:
    """How often what was refused: (chart, configuration, event, code of the error) -> how often.

    Whoever catches a `Refused` adds it. A collector belongs to one thread; several are put together with `update`.
    """

    counts: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)

    def add(self, error: Refused) -> None:
        """Count one refusal."""
        self.counts[error.chart, str(error.configuration), error.event, error.code] += 1

    def update(self, other: Refusals) -> None:
        """Count those of another collector as well."""
        self.counts.update(other.counts)

    def of(self, chart: str) -> dict[tuple[str, str, str], int]:
        """Those of the chart with that name, as an overlay takes them: (configuration, event, code) -> how often."""
        return {(where, event, code): n for (name, where, event, code), n in self.counts.items() if name == chart}

    def lines(self) -> Iterator[str]:
        """A line of JSON for each: chart, configuration, event, code and count."""
        for key, count in sorted(self.counts.items()):
            yield json.dumps(dict(zip(KEYS, key, strict=True)) | {"count": count}, ensure_ascii=False)

    @classmethod
    def read(cls, lines: Iterable[str]) -> Refusals:
        """The refusals of lines as `lines` makes them.

        Without `count` a line is one refusal, and other keys are passed over, so that a log will do that writes
        `chart`, `configuration`, `event` and `code` of each. Raises LogError for a line that lacks one of them; empty
        lines are passed over.
        """
        found = cls()
        for number, line in enumerate(lines, start=1):
            if line.strip():
                key, count = _read(line, number)
                found.counts[key] += count
        return found


def _read(line: str, number: int) -> tuple[tuple[str, str, str, str], int]:
    try:
        told: Any = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise LogError(f"line {number} is no JSON ({error}); write one object per line") from None
    told = told if isinstance(told, dict) else {}
    missing = [name for name in KEYS if not isinstance(told.get(name), str)]
    if missing:
        raise LogError(f"line {number} has no text under {', '.join(missing)}; a refusal has {', '.join(KEYS)}")
    count = told.get("count", 1)
    if not isinstance(count, int) or isinstance(count, bool) or count < 0:
        raise LogError(f"line {number} has the count {count!r}; write a whole number that is not negative")
    return (told["chart"], told["configuration"], told["event"], told["code"]), count
