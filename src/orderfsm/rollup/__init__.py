"""Roll-up: from the configurations of the items to the next steps of their order, and the proof that this always works.

The rules of a chart look at a *mix* of items. For every mix exactly one target may be named, and the order must be able
to get there by the events that the roll-up may send. `rollup` does it for one order; `prove` walks everything that an
order and its items can do together and reports what would go wrong.
"""

from __future__ import annotations

from .follow import rollup, target
from .proof import prove

__all__ = ["prove", "rollup", "target"]
