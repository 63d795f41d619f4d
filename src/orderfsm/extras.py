"""What to install when a package is missing that an extra brings."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["brought_by"]


@contextmanager
def brought_by(extra: str) -> Iterator[None]:
    """Around imports: a package that is missing is told together with the extra that brings it."""
    try:
        yield
    except ModuleNotFoundError as missing:
        package = str(missing.name).partition(".")[0]
        if package == "orderfsm" or "pip install" in str(missing):
            raise
        told = f'{package} is not installed; type: pip install "orderfsm[{extra}]"'
        raise ModuleNotFoundError(told, name=missing.name) from None
