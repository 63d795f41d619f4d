"""A finding: something wrong with a chart or a history, where, and how to see it happen."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Finding"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found.

    `code` is stable, `severity` is error, warning or note, `path` names the thing inside the chart or history,
    `witness` is a shortest run of events that shows it, `fix` says what to change. `line` and `column` count from 1; 0
    is unknown.
    """

    code: str
    severity: str
    message: str
    path: str = ""
    line: int = 0
    column: int = 0
    witness: tuple[str, ...] = ()
    fix: str = ""
    filename: str = ""

    def __str__(self) -> str:
        place = f"{self.filename or '<chart>'}:{self.line}:{self.column}: " if self.line else ""
        shown = f" (witness: {' -> '.join(self.witness)})" if self.witness else ""
        fix = f"; {self.fix}" if self.fix else ""
        return f"{place}{self.severity}[{self.code}] {self.message}{shown}{fix}"
