"""How much is done: a short form with every `make test`, more with `make soak`, most with `make soak-release`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeVar

import pytest

__all__ = ["SOAK", "by_tier", "release_only", "report", "soak_only"]

T = TypeVar("T")
SOAK = os.environ.get("ORDERFSM_SOAK", "")
RELEASE = SOAK == "release"

soak_only = pytest.mark.skipif(not SOAK, reason="takes minutes: make soak")
release_only = pytest.mark.skipif(not RELEASE, reason="takes hours: make soak-release")


def by_tier(short: T, soak: T, release: T | None = None) -> T:
    """The figure for this run."""
    if not SOAK:
        return short
    return release if RELEASE and release is not None else soak


def report(what: str, clients: int, faults: int, verdict: object) -> None:
    """Add a line of figures to the file that ORDERFSM_FIGURES names, where it names one."""
    path = os.environ.get("ORDERFSM_FIGURES")
    if path:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(f"{what}: {clients} clients, {faults} faults, {verdict}\n")
