"""Checking again and again: whenever a YAML file beside one of the charts has changed."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer

from orderfsm.catalogue import SUFFIXES
from orderfsm.printable import printable

from .answer import Misused, tell
from .watching import told_to_stop

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .answer import Answer

__all__ = ["give_again"]

PAUSE = 0.2
"""Seconds between two looks at the files."""

Seen = dict[Path, tuple[int, int]]
"""File or folder that is there -> when the file was changed, in nanoseconds, and how long it is."""


def give_again(names: Sequence[str], make: Callable[[], Answer], *, as_json: bool) -> NoReturn:
    """Tell the answer now and after every change, until SIGINT or SIGTERM; exit with the code of the last one.

    The folders of the files are watched, for a roll-up reads the chart of its items there. A folder that goes may come
    back, unless the command runs in it: that ends the watch with 2. Nothing is cleared: what was told before can be
    compared.
    """
    folders = sorted({Path(name).parent for name in names if name.endswith(SUFFIXES)})
    if not folders:
        raise typer.Exit(tell(_nothing_to_watch, as_json=as_json))
    stopped: list[bool] = []
    with told_to_stop(lambda: stopped.append(True)):
        seen, code = _seen(folders), tell(make, as_json=as_json)
        while not stopped:
            time.sleep(PAUSE)
            now = _seen(folders)
            if _is_lost(folders):
                raise typer.Exit(tell(_lost, as_json=as_json))
            if now != seen:
                seen = now
                _announce([folder for folder in folders if folder not in now])
                code = tell(make, as_json=as_json)
    raise typer.Exit(code)


def _nothing_to_watch() -> Answer:
    raise Misused("--watch needs a YAML file to watch; name one")


def _is_lost(folders: Sequence[Path]) -> bool:
    """Whether the folder that the command runs in is gone: one that is made in its place would be another."""
    try:
        Path.cwd()
    except FileNotFoundError:
        return not all(folder.is_absolute() for folder in folders)
    return False


def _lost() -> Answer:
    raise Misused("the folder in which this runs is gone; go into it again when it is back, and begin anew")


def _seen(folders: Sequence[Path]) -> Seen:
    found: Seen = {}
    for folder in folders:
        if folder.is_dir():
            found[folder] = 0, 0
        for path in _charts(folder):
            try:
                status = path.stat()
            except OSError:  # gone since, as editors do when they save
                continue
            found[path] = status.st_mtime_ns, status.st_size
    return found


def _charts(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if path.suffix in SUFFIXES]
    except OSError:  # gone, or closed
        return []


def _announce(gone: Sequence[Path]) -> None:
    """On the error output, so that the output is findings alone."""
    told = "".join(f"; there is no folder {printable(str(folder))} any more" for folder in gone)
    sys.stderr.write(f"--- {time.strftime('%H:%M:%S')}{told}\n")
    sys.stderr.flush()
