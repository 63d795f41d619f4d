"""Charts in the formats of others: each module has `loads(text) -> Chart` and `dumps(chart) -> str`."""

from __future__ import annotations

from . import scxml, xstate

__all__ = ["scxml", "xstate"]
