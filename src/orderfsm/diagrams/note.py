"""A note: a few words of evidence beside a state or an arrow."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["TONES", "Note"]

TONES = {
    "count": "orders now",
    "dwell": "time in state",
    "refused": "refused",
    "covered": "tested",
    "missed": "not tested",
    "survived": "mutant survived",
    "error": "error",
    "warning": "warning",
    "note": "remark",
    "added": "added",
    "removed": "removed",
    "changed": "changed",
}
"""Tone -> what a legend calls it."""


@dataclass(frozen=True, slots=True)
class Note:
    """A short text, and its tone: what kind of evidence it is, a key of TONES.

    The text says everything; `share` (0 to 1, of the most that any state has) is there for those who draw counts.
    """

    text: str
    tone: str
    share: float = field(default=0.0, compare=False, repr=False)
