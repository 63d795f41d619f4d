"""What every test may ask for: Hypothesis profiles, a real PostgreSQL, the third-party corpora."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers

from orderfsm.pytest_plugin.postgres import Databases

ROOT = Path(__file__).parent.parent

# The same examples at every run: what fails, fails because of a change. `make soak` draws new ones, and so does
# pytest --hypothesis-profile=random.
patient = settings(deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("fast", patient, derandomize=True)
settings.register_profile("long", patient, max_examples=5_000, stateful_step_count=200)
settings.register_profile("random", patient)
os.environ.pop("COLUMNS", None)  # pytest-xdist sets it, and what the command line prints depends on it
settings.load_profile("long" if os.environ.get("ORDERFSM_SOAK") else "fast")
if not os.environ.get("ORDERFSM_SOAK"):
    # Hypothesis draws the constants of all modules that are loaded as well: examples would depend on the tests before.
    providers._get_local_constants = lambda: providers._local_constants


@pytest.fixture(scope="session")
def postgres_url(orderfsm_postgres_server: Databases) -> str:
    """The SQLAlchemy URL of a PostgreSQL 18 that lives as long as the test run; xdist workers share it."""
    return orderfsm_postgres_server.url


@pytest.fixture
def postgres_database(orderfsm_postgres: Callable[[], str]) -> Callable[[], str]:
    """A function that gives an empty database and returns its SQLAlchemy URL."""
    return orderfsm_postgres


@pytest.fixture(scope="session")
def corpora() -> Path:
    """The folder of third-party test data beside the checkout; tests that ask for it are skipped where it is absent."""
    folder = ROOT.parent / "shared" / "corpora"
    if not folder.is_dir():
        pytest.skip("third-party corpora are not part of the repository: expected in ../shared/corpora")
    return folder
