"""orderfsm: an order lifecycle state-machine engine. Status vocabularies as charts, enforced.

The names here are the core's: no I/O, no clock, standard library only. The shell (`orderfsm.lifecycle`,
`orderfsm.sqlmodel`) and the faces are modules of their own, imported when they are first asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ._version import __version__
from .cell import Configuration, Step
from .chart import Basis, Category, Chart
from .errors import (
    Ambiguous,
    Blocker,
    ChartError,
    ClaimRefused,
    Conflict,
    DirectAssignment,
    DocumentError,
    ExpressionError,
    GuardFailed,
    GuardRefused,
    InDoubt,
    KeyReused,
    LinkNeeded,
    MissingGuard,
    NoCounterpart,
    NotEnabled,
    NotOpened,
    NotPermitted,
    NotReady,
    OrderFsmError,
    PayloadInvalid,
    ReasonNeeded,
    Refused,
    StoredStateUnknown,
    UnknownChart,
    UnknownEvent,
    UnsafeSettings,
    UnsoundChart,
    UnsupportedFeature,
)
from .finding import Finding
from .graph import path
from .history import Actor, Effective, Entry, Link, Reason, Replay, effective, replay
from .step import blockers, enabled, start, step
from .table import Table, compile
from .trace import trace

if TYPE_CHECKING:
    from .catalogue import load
    from .checks import check
    from .document import read

__all__ = [
    "Actor",
    "Ambiguous",
    "Basis",
    "Blocker",
    "Category",
    "Chart",
    "ChartError",
    "ClaimRefused",
    "Configuration",
    "Conflict",
    "DirectAssignment",
    "DocumentError",
    "Effective",
    "Entry",
    "ExpressionError",
    "Finding",
    "GuardFailed",
    "GuardRefused",
    "InDoubt",
    "KeyReused",
    "Link",
    "LinkNeeded",
    "MissingGuard",
    "NoCounterpart",
    "NotEnabled",
    "NotOpened",
    "NotPermitted",
    "NotReady",
    "OrderFsmError",
    "PayloadInvalid",
    "Reason",
    "ReasonNeeded",
    "Refused",
    "Replay",
    "Step",
    "StoredStateUnknown",
    "Table",
    "UnknownChart",
    "UnknownEvent",
    "UnsafeSettings",
    "UnsoundChart",
    "UnsupportedFeature",
    "__version__",
    "blockers",
    "check",
    "compile",
    "effective",
    "enabled",
    "load",
    "path",
    "read",
    "replay",
    "start",
    "step",
    "trace",
]

_LATER = {"load": "catalogue", "check": "checks", "read": "document"}
_MODULES = frozenset(
    {"catalogue", "checks", "cli", "conformance", "diagrams", "document", "interchange"}
    | {"lifecycle", "machine", "rollup", "schema", "sqlmodel", "testing", "writer"}
)


def __getattr__(name: str) -> Any:
    """Import what needs more than the core when it is first asked for."""
    if name in _LATER:
        return getattr(importlib.import_module(f".{_LATER[name]}", __name__), name)
    if name in _MODULES:
        return importlib.import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, *_MODULES})
