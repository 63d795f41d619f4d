"""The main job, played on a real database: the five vocabularies, their lives and refusals; then a real event log."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orderfsm
from orderfsm import sqlmodel
from orderfsm.conformance import conform, read_log

from .lives import VOCABULARIES
from .stage import Stage, Unexpected
from .statuses import statuses

if TYPE_CHECKING:
    from sqlalchemy import Engine

__all__ = ["Unexpected", "log_account", "run", "statuses", "vocabulary_accounts"]

LOG = "07_bpic2013_incidents.xes.gz"
LOGS = Path("../shared/corpora/logs")
INCIDENTS = Path("examples/charts/incident.yaml")


def run(database: str | None = None, logs: Path | None = None) -> dict[str, Any]:
    """The account of the whole demo, JSON throughout.

    `database` is a SQLAlchemy URL whose orders are kept; without it an SQLite file is used and removed. `logs` is the
    folder of the event log. Raises Unexpected when a life goes otherwise than its script says.
    """
    if database is not None:
        return {"vocabularies": _on(sqlmodel.engine(database)), "log": log_account(logs)}
    with tempfile.TemporaryDirectory(prefix="orderfsm-demo-") as folder:
        engine = sqlmodel.engine(f"sqlite:///{folder}/demo.db", durability="relaxed")
        return {"vocabularies": _on(engine), "log": log_account(logs)}


def _on(engine: Engine) -> list[dict[str, Any]]:
    try:
        return vocabulary_accounts(engine)
    finally:
        engine.dispose()


def vocabulary_accounts(engine: Engine) -> list[dict[str, Any]]:
    """One account per vocabulary; the tables are created where they are missing."""
    sqlmodel.create_all(engine)
    accounts = []
    for script in VOCABULARIES:
        stage = Stage(engine, script)
        chart = stage.chart
        about = {"chart": chart.name, "version": chart.version, "profile": chart.profile, "title": chart.title}
        accounts.append(about | {"says": script.says, "lives": [stage.play(life) for life in script.lives]})
    return accounts


def log_account(logs: Path | None) -> dict[str, Any]:
    """How the real event log fares against the example chart, or why it was not read."""
    log, chart = (logs or LOGS) / LOG, _beside(INCIDENTS)
    if not log.is_file():
        return {"read": False, "because": f"there is no {LOG} in {logs or LOGS}; name its folder with --logs"}
    if chart is None:
        return {"read": False, "because": f"there is no {INCIDENTS} here; run the demo in a checkout"}
    loaded = orderfsm.load(chart)
    found = conform(loaded, read_log(log, status=("concept:name", "lifecycle:transition")))
    basis = sorted({str(transition.basis) for transition in loaded.transitions})
    return {"read": True, "log": LOG, "chart": loaded.name, "basis": basis} | found.as_dict(most=8)


def _beside(path: Path) -> Path | None:
    """The file below the working directory, else below the checkout that the package runs from."""
    places = (path, Path(__file__).parents[3] / path)
    return next((place for place in places if place.is_file()), None)
