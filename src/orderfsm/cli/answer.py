"""What a command answers, as data and as text for people, and how it is printed."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

from orderfsm.errors import DocumentError, OrderFsmError
from orderfsm.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console

__all__ = ["Answer", "Grid", "Heading", "Misused", "Verbatim", "give", "tell"]

WIDTH = 200
"""How many columns the output has when it does not go to a terminal."""


class Heading(str):
    """A line that stands over others."""

    __slots__ = ()


class Verbatim(str):
    """A document that is printed as it is, because its renderer has escaped it."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Grid:
    """Rows under a head; columns that are empty throughout are left out."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]


Block = str | bytes | Grid
"""A Heading, a Verbatim, a Grid, a str: a line of text; or bytes, which no terminal gets to see."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`data` goes into JSON, `blocks` to people, `code` to the shell: 0 fine, 1 findings or refused."""

    data: Any
    blocks: Sequence[Block]
    code: int = 0


class Misused(OrderFsmError):
    """An argument of the command line that cannot be understood."""

    code = "misused"


def give(make: Callable[[], Answer], *, as_json: bool) -> None:
    """Print an answer and exit with its code; what cannot be answered is told on the error output and exits with 2."""
    raise typer.Exit(tell(make, as_json=as_json))


def tell(make: Callable[[], Answer], *, as_json: bool) -> int:
    """Print an answer as `give` does, and return the code."""
    try:
        answer = make()
        if as_json:
            sys.stdout.write(json.dumps(answer.data, indent=2, default=str) + "\n")
        else:
            _print(answer.blocks)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read it has gone, as in `| head`: there is nobody to tell, and Typer exits with 1
        raise
    except (OrderFsmError, OSError) as error:
        _complain(error)
        return 2
    except ModuleNotFoundError as missing:
        extra = "serve" if missing.name in ("uvicorn", "fastapi", "jinja2") else "all"
        known = f'this command needs {missing.name}; type: pip install "orderfsm[{extra}]"'
        sys.stderr.write(f"orderfsm: {missing if 'pip install' in str(missing) else known}\n")
        return 2
    return answer.code


def _complain(error: Exception) -> None:
    others = error.others if isinstance(error, DocumentError) else ()
    for each in (error, *others):
        sys.stderr.write(f"orderfsm: {printable(str(each))}\n")


def _print(blocks: Iterable[Block]) -> None:
    console = _console()
    for block in blocks:
        if isinstance(block, Verbatim):
            sys.stdout.write(block if block.endswith("\n") else f"{block}\n")
        elif isinstance(block, bytes):
            _print_bytes(block)
        elif isinstance(block, Grid):
            _print_grid(console, block)
        else:
            style = "bold" if isinstance(block, Heading) else None
            console.print(printable(block), style=style, markup=False, highlight=False, emoji=False, soft_wrap=True)


def _print_bytes(content: bytes) -> None:
    if sys.stdout.isatty():
        raise Misused("this is not for a terminal; name a file with --output, or lead it into one with >")
    sys.stdout.flush()
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()


def _console() -> Console:
    from rich.console import Console

    return Console() if sys.stdout.isatty() or "COLUMNS" in os.environ else Console(width=WIDTH)


def _print_grid(console: Console, grid: Grid) -> None:
    from rich.table import Table
    from rich.text import Text

    kept = [place for place, _ in enumerate(grid.head) if any(row[place] for row in grid.rows)]
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    for place in kept:
        table.add_column(Text(grid.head[place]), overflow="fold")
    for row in grid.rows:
        table.add_row(*(Text(printable(row[place])) for place in kept))
    with console.capture() as captured:
        console.print(table)
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))
