"""The `transitions` face: a Machine that drives plain objects in memory by a chart's compiled table.

```python
machine = Machine(load("stat/order"), Order)  # every Order there is and will be
order = Order()
order.accept(actor="provider")  # the Step, or Refused
order.may_accept(), order.is_received(), order.state, order.configuration
```

Names and callbacks are those of the `transitions` package: `may_<event>`, `is_<state>`, `trigger`, `on_enter_<state>`,
`before_<event>`, and an `EventData` for every callback. The table decides, though, and the errors are ours. One Machine
serves any number of objects and threads, and an object stores its configuration and nothing else. Nothing is persisted
and no timer runs: that is what `lifecycle` is for. `from_transitions` reads a Machine of that package into a Chart.
"""

from __future__ import annotations

from orderfsm.extras import brought_by

with brought_by("machine"):
    from .callbacks import Occasion
    from .machine import Machine
    from .reading import from_transitions

__all__ = ["Machine", "Occasion", "from_transitions"]
