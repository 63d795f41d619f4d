"""A lifecycle is a chart bound to a service's tables: open an order, send it events, ask what is allowed."""

from __future__ import annotations

from .holding import Hold, Holding
from .lifecycle import Lifecycle, lost_race
from .outcome import atransact, transact
from .outlook import Allowed, Explanation
from .parent import Parent

__all__ = ["Allowed", "Explanation", "Hold", "Holding", "Lifecycle", "Parent", "atransact", "lost_race", "transact"]
