"""How a finding about a database is made: what is wrong, where, and what to change."""

from __future__ import annotations

from orderfsm.finding import Finding

__all__ = ["remark"]


def remark(code: str, path: str, message: str, fix: str, *, severity: str = "error") -> Finding:
    """A finding whose `path` is a setting, a table or a column, written with dots."""
    return Finding(code, severity, message, path=path, fix=fix)
