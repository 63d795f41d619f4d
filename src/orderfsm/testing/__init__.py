"""The testing kit: property-based suites from a chart, for services that embed orderfsm and for those that do not.

What is sent is a `Send`, a legal life is a `Walk` of them, one more send with what has to become of it is an `Attempt`.
"""

from .send import Attempt, Send, Walk

__all__ = ["Attempt", "Send", "Walk"]
