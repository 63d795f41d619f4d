"""Enforcement in migrations, as the how-to page has it: operations that name tables, and import no models."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import create_engine, inspect, text
from sqlalchemy.exc import IntegrityError

from test_alembic import FILES, migrate, run, service, url

__all__ = ["service", "url"]  # fixtures

REBUILT = """from alembic import op
import sqlalchemy as sa

revision = "rebuilt"
down_revision = "enforced"
KEYS = {"order_id": "id"}


def upgrade() -> None:
    op.release_history("bookinghistory", "booking", KEYS)
    with op.batch_alter_table("booking") as batch:
        batch.alter_column("code", existing_type=sa.String, type_=sa.Text)
    op.enforce_history("bookinghistory", "booking", KEYS)


def downgrade() -> None:
    pass
"""


def enforcing(service: Path, url: str) -> None:
    """Migrate a database to the page's last revision."""
    env = (service / "migrations" / "env.py").read_text()
    (service / "migrations" / "env.py").write_text(FILES["env_line.py"] + env)
    (service / "models.py").write_text(FILES["models.py"])
    migrate(service, url, "bookings")
    (first,) = (service / "migrations" / "versions").glob("*.py")
    last = f'"{first.name.partition("_")[0]}"'
    revision = FILES["enforced.py"].replace("None  # put your last revision here", last)
    (service / "migrations" / "versions" / "enforced.py").write_text(revision)
    run(service, url, "-m", "alembic", "upgrade", "head")


def refused(url: str, statement: str) -> str:
    """What the database says to a statement; "" when it takes it."""
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            connection.execute(text(statement))
    except IntegrityError as error:
        return str(error.orig).partition("\n")[0]
    finally:
        engine.dispose()
    return ""


MOVE = "UPDATE booking SET code = 'completed' WHERE status = 'x'"


def test_a_migration_enforces_and_releases(service: Path, url: str) -> None:
    enforcing(service, url)
    run(service, url, "-m", "alembic", "upgrade", "head")
    assert "No new upgrade operations detected" in run(service, url, "-m", "alembic", "check")
    key = "5eed5eed5eed5eed5eed5eed5eed5eed"
    assert refused(url, f"INSERT INTO booking (id, status, revision) VALUES ('{key}', 'x', 0)") == ""
    assert "an order is where its history ends" in refused(url, MOVE)
    engine = create_engine(url)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT name, profile FROM orderfsm_charts")).all() == [("stat/order", "full")]
    run(service, url, "-m", "alembic", "downgrade", "-1")
    assert refused(url, MOVE) == ""
    assert {"orderfsm_charts", "orderfsm_edges"} <= set(inspect(engine).get_table_names())
    engine.dispose()


def test_a_table_that_is_rebuilt_is_released_and_enforced_again(service: Path, url: str) -> None:
    enforcing(service, url)
    (service / "migrations" / "versions" / "rebuilt.py").write_text(REBUILT)
    run(service, url, "-m", "alembic", "upgrade", "head")
    refused(url, "INSERT INTO booking (id, status, revision) VALUES ('5eed5eed5eed5eed5eed5eed5eed5eed', 'x', 0)")
    assert "an order is where its history ends" in refused(url, MOVE)


def test_models_that_are_attached_are_compared(service: Path, url: str) -> None:
    enforcing(service, url)
    models = FILES["models.py"] + "\nfrom orderfsm import enforcement\n\nenforcement.attach(Booking, BookingHistory)\n"
    (service / "models.py").write_text(models)
    assert "No new upgrade operations detected" in run(service, url, "-m", "alembic", "check")


def test_a_migration_can_be_written_to_a_file(service: Path, url: str) -> None:
    enforcing(service, url)
    (first,) = (path for path in (service / "migrations" / "versions").glob("*.py") if path.name != "enforced.py")
    env = (service / "migrations" / "env.py").read_text()
    offline = env.replace("connection=connection,", "connection=connection, as_sql=True, literal_binds=True,").replace(
        "render_as_batch=True", ""
    )
    (service / "migrations" / "env.py").write_text(offline)
    written = run(service, url, "-m", "alembic", "upgrade", f"{first.name.partition('_')[0]}:enforced", "--sql")
    assert "stat/order" in written
    assert "ON CONFLICT DO NOTHING" in written
    assert "orderfsm_bookinghistory_enter" in written
