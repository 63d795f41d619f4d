"""Coverage: what tests have exercised of a chart, collected as it happens, measured against all there is, and kept.

`Collector` collects while it is watching, `Coverage` is what was found for one chart (JSON, which `orderfsm draw`
reads), `Goals` are all there is to cover, `Measured` holds the one against the other.
"""

from __future__ import annotations

from .collector import Collector
from .goals import KINDS, Goals, Measured
from .kept import Coverage

__all__ = ["KINDS", "Collector", "Coverage", "Goals", "Measured"]
