"""The page of the command line, read off the commands themselves."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

from orderfsm.diagrams.markdown import code, grid, plain

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["command_page"]

HEAD = """# The command line

<!-- Made from the commands by `make docs`; do not edit. -->

    pip install "orderfsm[cli]"
    orderfsm COMMAND --help

Exit codes: 0 fine, 1 findings or refused, 2 wrong usage (an unknown chart, a file that cannot be read: a message on the
error output). `--json` prints one JSON document, with every command. `CHART` is a name of the catalogue (`stat/order`)
or the path of a YAML file. Characters of outside text that would act on the terminal are printed as escapes.
"""


def command_page() -> str:
    """One section per command: what it does, its arguments, its options."""
    from orderfsm.cli.app import every_command

    return "\n".join([HEAD, *(_section(name, each) for name, each in every_command())])


def _section(name: str, command: Any) -> str:
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    options = [each for each in command.params if each.param_type_name == "option"]
    behind = getattr(command, "behind", ())
    usage = " ".join(["orderfsm", name, *map(_metavar, arguments), "[OPTIONS]", *behind])
    parts = [f"## {name}\n", f"    {usage}\n", f"{plain(command.help or '')}\n"]
    if arguments:
        parts.append(
            grid(["argument", "meaning"], [[code(_metavar(each)), plain(each.help or "")] for each in arguments])
        )
    parts.append(grid(["option", "meaning", "default"], [_option(each) for each in _sorted(options)]))
    return "\n".join(parts)


def _sorted(options: Iterable[Any]) -> list[Any]:
    """Options in the order of the help, `--json` and `--help` last."""
    return sorted(options, key=lambda option: option.opts[0] in ("--json", "--help"))


def _metavar(argument: Any) -> str:
    name = argument.metavar or argument.name.upper()
    return str(name) if argument.required or name.startswith("[") else f"[{name}]"


def _value(metavar: str) -> str:
    """The value of an option; a bar in it is one for every reader of Markdown, in tables too."""
    return f"<code>{html.escape(metavar).replace('|', '&#124;')}</code>" if "|" in metavar else code(metavar)


def _option(option: Any) -> list[str]:
    value = "" if option.is_flag else f" {_value(option.metavar or option.name.upper())}"
    default = "" if option.default in (None, False) or option.multiple else code(str(option.default))
    several = " May be given several times." if option.multiple else ""
    return [
        f"{code(option.opts[0])}{value}",
        plain(option.help or "") + several,
        "required" if option.required else default,
    ]
