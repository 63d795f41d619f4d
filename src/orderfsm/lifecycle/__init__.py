"""A lifecycle is a chart bound to a service's tables: open an order, send it events, ask what is allowed."""

from __future__ import annotations

from .claims import Claims
from .correcting import Corrections, Restated
from .holding import Hold, Holding
from .lifecycle import Lifecycle, lost_race
from .outcome import atransact, transact
from .outlook import Allowed, Explanation
from .parent import Parent
from .sweep import Swept
from .verdict import Sent, Verdict

__all__ = [
    "Allowed",
    "Claims",
    "Corrections",
    "Explanation",
    "Hold",
    "Holding",
    "Lifecycle",
    "Parent",
    "Restated",
    "Sent",
    "Swept",
    "Verdict",
    "atransact",
    "lost_race",
    "transact",
]
