"""The error for what no search has found."""

from __future__ import annotations

__all__ = ["Unsolved"]


class Unsolved(ValueError):
    """Nothing was found under which a guard answers as wanted; that proves nothing, so give it by hand."""
