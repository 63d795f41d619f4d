"""A router for a service's own orders: its tables, its sessions, its principals, and whatever chart they follow."""

from __future__ import annotations

from .openings import Opened
from .router import router

__all__ = ["Opened", "router"]
