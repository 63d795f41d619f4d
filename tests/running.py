"""pytest, run on the files of a project as its team would, with the plugin and little else."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Run:
    """How a run ended and what it said."""

    code: int
    text: str
    errors: str

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()


def run_pytest(folder: Path, *arguments: str, plugins: tuple[str, ...] = ()) -> Run:
    """A run in a process of its own, warnings as errors, plugins of others left out to be quick."""
    loaded = [part for name in ("orderfsm_pytest", *plugins) for part in ("-p", name)]
    command = [sys.executable, "-m", "pytest", "-W", "error", "-p", "no:cacheprovider", *loaded, *arguments]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    run = subprocess.run(
        command,
        cwd=folder,
        env={**kept, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "COLUMNS": "200", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    return Run(run.returncode, run.stdout, run.stderr)
