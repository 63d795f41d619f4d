"""Who asks over HTTP, and how a secret becomes somebody."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from orderfsm.history import Actor

__all__ = ["Authenticate", "Principal"]


@dataclass(frozen=True, slots=True)
class Principal:
    """Whoever has shown a valid credential: `roles` are actors of the chart that this principal may ask as."""

    id: str
    roles: frozenset[str] = frozenset()
    label: str = ""

    def actor(self, role: str) -> Actor:
        """The actor that an entry of the history names when the principal asks in this role."""
        return Actor(role, self.id, self.label)


Authenticate = Callable[[str], Principal | None]
"""From the secret that a request shows (a token, without its scheme) to its principal; None for an unknown one."""
