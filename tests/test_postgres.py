"""The database that the other tests run on is the one they believe they run on."""

from collections.abc import Callable

from sqlalchemy import create_engine, text


def test_the_server_is_postgresql_18_over_psycopg_3(postgres_url: str) -> None:
    engine = create_engine(postgres_url)
    with engine.connect() as connection:
        version = connection.execute(text("SHOW server_version")).scalar_one()
    engine.dispose()
    assert engine.driver == "psycopg"
    assert version.split(".")[0] == "18"


def test_databases_are_empty_and_apart(postgres_database: Callable[[], str]) -> None:
    first, second = create_engine(postgres_database()), create_engine(postgres_database())
    with first.begin() as connection:
        connection.execute(text("CREATE TABLE note (id int)"))
    with second.begin() as connection:
        count = connection.execute(text("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")).scalar_one()
    first.dispose()
    second.dispose()
    assert count == 0
