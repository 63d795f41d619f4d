"""A lifecycle is a chart bound to a service's tables: open an order, send it events, ask what is allowed.

Everything happens in the caller's session and transaction: it is flushed, and the caller commits. What is refused has
written nothing, and the session can be used on. Every method of a Lifecycle that takes a session has an `a…` twin for
an AsyncSession: `await orders.asend(session, order, "accept")`.
"""

from __future__ import annotations

from orderfsm.extras import brought_by

with brought_by("sqlmodel"):
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
