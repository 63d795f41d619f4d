"""The state machine of a chart for Hypothesis: the chart is the model, a driver is the system under test."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orderfsm import compile

from .asked import expect_driver, named
from .orders import Orders, sending
from .tally import Tally

if TYPE_CHECKING:
    from collections.abc import Collection

    from orderfsm import Chart

    from .driver import Driver

__all__ = ["state_machine_for"]

_UNSWEPT = "what timers make due: the driver has no timers"


def state_machine_for(
    chart: Chart, driver: Driver, *, orders: int = 2, own_refusals: Collection[str] = ()
) -> type[Orders]:
    """A RuleBasedStateMachine that sends whatever may be sent, and whatever may not, to the system and to the chart.

    It has a rule for each event, for events that are out of place, for everything else that is refused (roles, reasons,
    links, payloads, guards), for the same event once more, for redeliveries under a key (where the driver has `keys`)
    and for time that passes (`clock`), with what timers send then (`timers`). After each, every order has to be where
    the chart has it, with the chart's history, and no temporal rule of the chart may be broken.

    Run it by its `TestCase`, or with `hypothesis.stateful.run_state_machine_as_test`, under the settings in force here
    (but without deadline, health checks and explanations). Up to `orders` orders live at a
    time. `own_refusals` are events that the system may refuse for reasons of its own (``"*"``: all). What a failure
    raises is a Disagreement, which holds the walk as Python and as a scenario of the chart.

    An event that the driver could never send, or that the system always refused for reasons of its own, is told by a
    NeverSent warning when the `TestCase` ends; `passed_over` counts all that was not carried out.

    Raises ValueError for events that the chart does not have and for a driver with timers and no clock, TypeError for
    what is no driver, and what `compile` raises.
    """
    events = dict.fromkeys(event for row in compile(chart).rows.values() for event in row)
    own = named(own_refusals, chart)
    expect_driver(driver)
    if driver.timers and not driver.clock:
        raise ValueError(f"{type(driver).__name__} has timers and no clock: none is ever due; write at(self, now)")
    if type(orders) is not int or orders < 1:
        raise ValueError(f"orders is {orders!r}; say how many may live at a time, at least 1")
    rules = {f"rule_{place}": sending(event) for place, event in enumerate(events)}
    left_out = [] if driver.timers or not any(state.after for state in chart.states) else [_UNSWEPT]
    tally = Tally(chart.name, type(driver).__name__, left_out)
    told = {"chart": chart, "driver": driver, "most": orders, "own": own}
    told |= {"tally": tally, "passed_over": tally.passed_over}
    return type("Orders", (Orders,), {**told, **rules, "__doc__": f"Orders of {chart.name}."})
