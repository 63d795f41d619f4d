"""The command line as a whole: its help, its version, and the commands in the order of the help."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import typer

from orderfsm._version import __version__

from . import on_charts, on_drawing, on_orders, on_service, on_testing

__all__ = ["app", "command", "every_command"]

COMMANDS: tuple[Callable[..., None], ...] = (
    on_charts.charts,
    on_charts.show,
    on_drawing.draw,
    on_charts.new,
    on_charts.schema,
    on_charts.check,
    on_charts.trace,
    on_charts.explain,
    on_orders.conform,
    on_orders.history,
    on_orders.seal,
    on_orders.ready,
    on_orders.sweep,
    on_orders.relay,
    on_orders.outbox,
    on_service.serve,
    on_orders.demo,
)

app = typer.Typer(
    help="Order status vocabularies as state charts: look at them, check them, ask them.",
    epilog="Exit codes: 0 fine, 1 findings or refused, 2 wrong usage.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

for each in COMMANDS:
    app.command()(each)
app.command(cls=on_testing.WithPytest)(on_testing.mutate)
app.add_typer(on_service.token, name="token")


def _version(wanted: bool) -> None:  # noqa: FBT001 - a callback of Typer
    if wanted:
        sys.stdout.write(f"orderfsm {__version__}\n")
        raise typer.Exit


@app.callback()
def _root(
    *,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None:
    pass


def every_command() -> Iterator[tuple[str, Any]]:
    """The commands of the library below Typer by name, such as `token add`."""
    yield from _inside(command(), "")


def _inside(group: Any, before: str) -> Iterator[tuple[str, Any]]:
    for name, each in group.commands.items():
        if hasattr(each, "commands"):
            yield from _inside(each, f"{before}{name} ")
        else:
            yield f"{before}{name}", each


def command() -> Any:
    """The commands as a group of the library below Typer: `commands` by name, each with `help` and `params`."""
    return typer.main.get_command(app)
