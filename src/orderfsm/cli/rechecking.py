"""Checking again and again: whenever a YAML file beside one of the charts has changed."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer

from .answer import Misused, tell
from .watching import told_to_stop

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .answer import Answer

__all__ = ["give_again"]

PAUSE = 0.2
"""Seconds between two looks at the files."""

Seen = dict[Path, tuple[int, int]]
"""File -> when it was changed, in nanoseconds, and how long it is."""


def give_again(names: Sequence[str], make: Callable[[], Answer], *, as_json: bool) -> NoReturn:
    """Tell the answer now and after every change, until SIGINT or SIGTERM; exit with the code of the last one.

    The folders of the files are watched, for a roll-up reads the chart of its items there. Nothing is cleared: what was
    told before can be compared.
    """
    folders = sorted({Path(name).parent for name in names if name.endswith((".yaml", ".yml"))})
    if not folders:
        raise typer.Exit(tell(_nothing_to_watch, as_json=as_json))
    stopped: list[bool] = []
    with told_to_stop(lambda: stopped.append(True)):
        seen, code = _seen(folders), tell(make, as_json=as_json)
        while not stopped:
            time.sleep(PAUSE)
            now = _seen(folders)
            if now != seen:
                seen = now
                _announce()
                code = tell(make, as_json=as_json)
    raise typer.Exit(code)


def _nothing_to_watch() -> Answer:
    raise Misused("--watch needs a YAML file to watch; name one")


def _seen(folders: Sequence[Path]) -> Seen:
    found: Seen = {}
    for folder in folders:
        for path in (*folder.glob("*.yaml"), *folder.glob("*.yml")):
            try:
                status = path.stat()
            except OSError:  # gone since, as editors do when they save
                continue
            found[path] = status.st_mtime_ns, status.st_size
    return found


def _announce() -> None:
    """On the error output, so that the output is findings alone."""
    sys.stderr.write(f"--- {time.strftime('%H:%M:%S')}\n")
    sys.stderr.flush()
