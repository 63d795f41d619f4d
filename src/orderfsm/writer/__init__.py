"""Many callers, one transaction: a writer gathers what is sent at the same time and commits it together."""

from __future__ import annotations

from .writer import Writer

__all__ = ["Writer"]
