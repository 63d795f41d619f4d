"""SCXML, the state charts of the W3C: `loads(text) -> Chart` and `dumps(chart) -> str`.

What is read and what is left out is listed in docs/reference/scxml.md.
"""

from __future__ import annotations

from .scxml_reader import loads
from .scxml_writer import dumps

__all__ = ["dumps", "loads"]
