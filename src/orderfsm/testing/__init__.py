"""The testing kit: property-based suites from a chart, for services that embed orderfsm and for those that do not.

What is sent is a `Send`, a legal life is a `Walk` of them, one more send with what has to become of it is an `Attempt`.
Strategies draw them at random, suites list them; both find the facts that guards ask for by themselves.
"""

from .agreeing import Disagreement
from .charts import charts, drafts
from .driver import Declined, Driver, Shown, Unsent
from .exploring import shortest
from .following import follow
from .histories import Corruption, History, histories
from .illegal import illegal_events
from .interleavings import Interleaving, Turn, interleavings
from .lifecycle_driver import LifecycleDriver
from .machine import state_machine_for
from .orders import Orders
from .payloads import payloads
from .send import Attempt, Send, Walk
from .suite import Suite, Unreached
from .suites import Example, guard_outcomes, pairs, refusals, scenarios, shortest_paths, states, suite, transitions
from .tally import NeverSent
from .unsolved import Unsolved
from .walks import sends_after, walks

__all__ = [
    "Attempt",
    "Corruption",
    "Declined",
    "Disagreement",
    "Driver",
    "Example",
    "History",
    "Interleaving",
    "LifecycleDriver",
    "NeverSent",
    "Orders",
    "Send",
    "Shown",
    "Suite",
    "Turn",
    "Unreached",
    "Unsent",
    "Unsolved",
    "Walk",
    "charts",
    "drafts",
    "follow",
    "guard_outcomes",
    "histories",
    "illegal_events",
    "interleavings",
    "pairs",
    "payloads",
    "refusals",
    "scenarios",
    "sends_after",
    "shortest",
    "shortest_paths",
    "state_machine_for",
    "states",
    "suite",
    "transitions",
    "walks",
]
