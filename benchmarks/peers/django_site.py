"""Django with django-fsm-2, and on request django-fsm-log and a SQLite file. One process is one of the two sites."""

from __future__ import annotations

from types import ModuleType
from typing import Any


def memory() -> ModuleType:
    """The models of orders that are never saved."""
    _setup(["benchmarks.peers.shop"], {})
    from benchmarks.peers.shop import models

    return models


def logged(database: str, synchronous: str) -> ModuleType:
    """The models of orders whose transitions are logged, on a database with the settings that the others have too."""
    pragmas = ("journal_mode = WAL", f"synchronous = {synchronous}", "foreign_keys = ON")
    options = {"init_command": "".join(f"PRAGMA {pragma};" for pragma in pragmas), "transaction_mode": "IMMEDIATE"}
    site = {"ENGINE": "django.db.backends.sqlite3", "NAME": database, "OPTIONS": options}
    _setup(
        ["django.contrib.contenttypes", "django.contrib.auth", "django_fsm_log", "benchmarks.peers.logged"],
        {"default": site},
    )
    from benchmarks.peers.logged import models

    return models


def migrate() -> None:
    """Create the tables."""
    from django.core.management import call_command

    call_command("migrate", run_syncdb=True, verbosity=0)


def _setup(apps: list[str], databases: dict[str, Any]) -> None:
    import django
    from django.conf import settings

    if not settings.configured:
        field = "django.db.models.BigAutoField"
        settings.configure(INSTALLED_APPS=apps, DATABASES=databases, DEFAULT_AUTO_FIELD=field, USE_TZ=True)
        django.setup()
