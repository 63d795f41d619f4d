"""The command line: `orderfsm charts | show | check | trace | relay | sweep | …`; `orderfsm --help` lists all."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from .stand_ins import stand_in

__all__ = ["main"]


def main() -> None:
    """Run the command of `sys.argv` and exit: 0 fine, 1 findings or refused, 2 wrong usage."""
    try:
        from .app import app
    except ModuleNotFoundError as missing:
        if missing.name not in ("typer", "rich"):
            raise
        sys.stderr.write(f'orderfsm: the command line needs {missing.name}; type: pip install "orderfsm[cli]"\n')
        sys.exit(2)
    if sys.stdout is None:  # as under a supervisor that has closed it
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - as long as the process
    stand_in(sys.stdout)
    app(prog_name="orderfsm")
