"""The outbox: what orders emit is delivered, at least once, each order's messages in their order.

Relays take messages from the outbox to whoever wants them: a function, a file (`orderfsm.outbox.lines`), a web server
(`orderfsm.outbox.webhook`). What nobody takes becomes a dead letter: `dead` lists them, `revive` and `dismiss` decide.
"""

from __future__ import annotations

from .async_relays import AsyncRelay, arelay
from .letters import Letter, dead, dismiss, prune, revive, waiting
from .message import Message
from .policy import Policy
from .relays import Relay, relay
from .round import Report
from .stream import Delivery

__all__ = [
    "AsyncRelay",
    "Delivery",
    "Letter",
    "Message",
    "Policy",
    "Relay",
    "Report",
    "arelay",
    "dead",
    "dismiss",
    "prune",
    "relay",
    "revive",
    "waiting",
]
