"""URLs of databases, read before an engine is made of them, so that a wrong one is told in a sentence."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["driver_of", "read_url"]

EXAMPLE = "write for example sqlite:///orders.db or postgresql+psycopg://user@host/orders"

BROUGHT = {
    "psycopg": '"orderfsm[postgresql]"',
    "psycopg2": '"orderfsm[postgresql]", and write postgresql+psycopg://',
}
"""Driver -> what to install instead of the package of that name."""


def read_url(given: str | URL) -> URL:
    """The parts of a URL of SQLite or PostgreSQL.

    Raises ValueError for any other. The URL is not repeated: it may hold a password.
    """
    try:
        url = make_url(given)
    except ArgumentError as error:
        raise ValueError(f"{error}; {EXAMPLE}") from None
    except ValueError as error:
        raise ValueError(f"the port cannot be read ({error}); {EXAMPLE}") from None
    if url.get_backend_name() not in ("sqlite", "postgresql"):
        raise ValueError(f"{url.get_backend_name()} is neither sqlite nor postgresql; {EXAMPLE}")
    if "\0" in (url.database or ""):
        raise ValueError(f"no database has NUL (%00) in its name; {EXAMPLE}")
    try:
        url.get_dialect()
    except NoSuchModuleError as error:
        raise ValueError(f"{error}; {EXAMPLE}") from None
    return url


@contextmanager
def driver_of(url: URL) -> Iterator[None]:
    """Around the making of an engine: a driver that is missing is told together with what brings it."""
    try:
        yield
    except ModuleNotFoundError as missing:
        told = (
            f"{url.drivername} needs {missing.name}; type: pip install {BROUGHT.get(str(missing.name), missing.name)}"
        )
        raise ModuleNotFoundError(told, name=missing.name) from None
