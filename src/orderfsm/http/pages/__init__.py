"""Pages for people: the board of orders by state, and the page of one order; rendered here, without any script."""

from __future__ import annotations

from .router import router
from .visits import Secure

__all__ = ["Secure", "router"]
