"""XState 5, machines as JSON: `loads(text) -> Chart` and `dumps(chart) -> str`.

What is read and what is left out is listed in docs/reference/xstate.md.
"""

from __future__ import annotations

from .xstate_reader import loads
from .xstate_writer import dumps

__all__ = ["dumps", "loads"]
