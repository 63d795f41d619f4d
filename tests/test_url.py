"""The URL of a database that is wrong is told in a sentence, without the password in it."""

import sys
from pathlib import Path

import pytest
from sqlalchemy import URL

from orderfsm.sqlmodel import async_engine, engine
from orderfsm.sqlmodel.url import read_url

EXAMPLE = "; write for example sqlite:///orders.db or postgresql+psycopg://user@host/orders"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("orders.db", f"Could not parse SQLAlchemy URL from given URL string{EXAMPLE}"),
        ("postgres://ada:secret@h/x", f"postgres is neither sqlite nor postgresql{EXAMPLE}"),
        ("mysql://ada:secret@h/x", f"mysql is neither sqlite nor postgresql{EXAMPLE}"),
        ("postgresql+nosuch://ada:secret@h/x", f"Can't load plugin: sqlalchemy.dialects:postgresql.nosuch{EXAMPLE}"),
        ("postgresql://ada:secret@h/a%00b", f"no database has NUL (%00) in its name{EXAMPLE}"),
        ("sqlite:///a%00b.db", f"no database has NUL (%00) in its name{EXAMPLE}"),
        ("postgresql://ada:secret@h:port/x", "the port cannot be read"),
    ],
)
def test_a_url_that_leads_nowhere(given: str, said: str) -> None:
    for make in (engine, async_engine):
        with pytest.raises(ValueError, match=r"^") as raised:
            make(given)
        assert str(raised.value).startswith(said)
        assert "secret" not in str(raised.value)


def test_the_wrong_kind_of_engine() -> None:
    with pytest.raises(ValueError, match="is for asyncio: give it to async_engine, or write sqlite://"):
        engine("sqlite+aiosqlite://")
    with pytest.raises(ValueError, match=r"is not for asyncio: give it to engine, or write sqlite\+aiosqlite://"):
        async_engine("sqlite://")


def test_a_driver_that_is_missing_is_told_with_what_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("aiosqlite", "psycopg", "psycopg2"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ModuleNotFoundError, match=r"^sqlite\+aiosqlite needs aiosqlite; type: pip install aiosqlite$"):
        async_engine("sqlite+aiosqlite://")
    with pytest.raises(ModuleNotFoundError, match=r'psycopg; type: pip install "orderfsm\[postgresql\]"$'):
        engine("postgresql+psycopg://h/x")
    with pytest.raises(ModuleNotFoundError, match=r"and write postgresql\+psycopg://$"):
        engine("postgresql+psycopg2://h/x")


def test_a_url_may_come_in_parts(tmp_path: Path) -> None:
    parts = URL.create("sqlite", database=str(tmp_path / "x.db"))
    assert read_url(parts) == parts
