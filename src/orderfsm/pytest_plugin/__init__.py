"""What the pytest plugin gives to tests: a clock that they set, and orders in the state that they need.

pytest loads `orderfsm_pytest`, which has the options and the fixtures and imports nothing of this before it is needed.
"""

from __future__ import annotations

from .clock import Clock
from .orders import Orders

__all__ = ["Clock", "Orders"]
