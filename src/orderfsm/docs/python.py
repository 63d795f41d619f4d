"""The pages of the Python API: what each public module offers, in one line each; the site adds the rest."""

from __future__ import annotations

import ast
import inspect
import re
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orderfsm
from orderfsm import errors
from orderfsm.diagrams.markdown import code, grid

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

__all__ = ["FOLDER", "PAGES", "python_pages"]

FOLDER = "docs/reference/python"
NOTE = "<!-- Made from the docstrings by `make docs`; do not edit. On the site, `:::` becomes an entry. -->"

HTTP = ("adobe", "app", "cablelabs", "dream_junction", "generic", "observe", "pages", "record_stack_overflow")
PAGES: dict[str, tuple[str, ...]] = {
    "orderfsm": (),
    "orderfsm.errors": (),
    "orderfsm.catalogue": (),
    "orderfsm.schema": (),
    "orderfsm.chart": (),
    "orderfsm.expression": (),
    "orderfsm.history": (),
    "orderfsm.corrections": (),
    "orderfsm.stays": (),
    "orderfsm.timers": (),
    "orderfsm.rollup": (),
    "orderfsm.checks": (),
    "orderfsm.report": (),
    "orderfsm.diagrams": (),
    "orderfsm.census": (),
    "orderfsm.refusals": (),
    "orderfsm.coverage": (),
    "orderfsm.watch": (),
    "orderfsm.pytest_plugin": (),
    "orderfsm.drawn": (),
    "orderfsm.markdown": (),
    "orderfsm.interchange": ("orderfsm.interchange.scxml", "orderfsm.interchange.xstate"),
    "orderfsm.lifecycle": ("orderfsm.lifecycle.deadlines",),
    "orderfsm.sqlmodel": (),
    "orderfsm.enforcement": ("orderfsm.enforcement.alembic",),
    "orderfsm.outbox": tuple(f"orderfsm.outbox.{name}" for name in ("cloudevents", "lines", "signature", "webhook")),
    "orderfsm.writer": (),
    "orderfsm.audit": (),
    "orderfsm.conformance": (),
    "orderfsm.readiness": (),
    "orderfsm.machine": (),
    "orderfsm.testing": tuple(f"orderfsm.testing.{name}" for name in ("explorer", "http_drivers", "mutation")),
    "orderfsm.http": tuple(f"orderfsm.http.{name}" for name in (*HTTP, "shelf", "stat", "tokens")),
}
"""Module with a page of its own -> the modules that are told of on the same page; in the order of the index."""

NAMED = {
    "orderfsm.corrections": ("OVERRIDE", "SUPERSEDE", "VOID"),
    "orderfsm.expression": ("Explanation", "Expression", "parse"),
    "orderfsm.interchange": (),
}
"""What is meant for users, where that is less than `__all__`."""


@dataclass(frozen=True)
class Name:
    """A name that a public module offers."""

    module: str
    text: str

    @property
    def found(self) -> Any:
        """What it stands for."""
        return getattr(import_module(self.module), self.text)

    @property
    def home(self) -> str:
        """The module on whose page it is described: errors together, the core's names on the core's page."""
        for module in (errors, orderfsm):
            if self.text in module.__all__ and getattr(module, self.text) is self.found:
                return module.__name__
        return self.module

    @property
    def path(self) -> str:
        """Its full name; that of the definition where a module of the package is called the same."""
        sources = _sources(import_module(self.module), "*")
        if len(sources) > 1 and self.text in {source.stem for source in sources}:
            return f"{self.found.__module__}.{self.text}"
        return f"{self.module}.{self.text}"

    @property
    def said(self) -> str:
        """The beginning of its docstring; that of a constant stands below it. A constant without one says its value."""
        found = self.found
        if inspect.isclass(found) or inspect.isroutine(found):
            return _beginning(found)
        return _first(_constants(self.module).get(self.text)) or code(repr(found))


def python_pages() -> dict[str, str]:
    """Path from the root of the checkout -> text: the index, and a page for each public module."""
    pages = {f"{FOLDER}/{module}.md": _page(module, within) for module, within in PAGES.items()}
    return {f"{FOLDER}/index.md": _index(), **pages}


def names(module: str) -> tuple[Name, ...]:
    """What a public module offers, in the order of its `__all__`."""
    return tuple(Name(module, text) for text in NAMED.get(module, import_module(module).__all__))


def _index() -> str:
    rows = [[f"[{code(module)}]({module}.md)", _beginning(import_module(module))] for module in PAGES]
    said = "The public modules. What is not on these pages may change without notice."
    return "\n".join(["# The Python API", "", NOTE, "", said, "", grid(["module", "what it is"], rows)])


def _page(module: str, within: tuple[str, ...]) -> str:
    parts = [f"# {module}", NOTE, _section(module)]
    parts += [f"## {each}\n\n{_section(each)}" for each in within]
    return "\n\n".join(parts).rstrip() + "\n"


def _section(module: str) -> str:
    """What the module says of itself, its names, and the entries that the site makes of them."""
    offered = names(module)
    parts = [_unrun(inspect.getdoc(import_module(module)) or "")]
    if offered:
        parts.append(grid(["name", "what it is"], [[_linked(name, module), name.said] for name in offered]).rstrip())
    parts += [f"::: {name.path}" for name in offered if name.home == module]
    return "\n\n".join(parts)


def _linked(name: Name, module: str) -> str:
    return code(name.text) if name.home == module else f"[{code(name.text)}]({name.home}.md)"


def _beginning(found: object) -> str:
    return _first(inspect.getdoc(found))


def _first(text: str | None) -> str:
    """The first paragraph, on one line."""
    return " ".join((text or "").partition("\n\n")[0].split())


def _unrun(text: str) -> str:
    """A docstring whose blocks the tests of the pages leave alone: they are excerpts."""
    return re.sub(r"^(?=```\w)", "<!-- not run: an excerpt -->\n", text, flags=re.MULTILINE)


# --- docstrings of constants


@cache
def _constants(module: str) -> dict[str, str]:
    """Name -> the text below its assignment, in the module and in those beside it that it takes its names from."""
    return {name: text for source in _sources(import_module(module)) for name, text in _documented(source)}


def _sources(module: ModuleType, pattern: str = "*.py") -> list[Path]:
    """The file of a module; what lies in its folder when it is a package."""
    path = Path(module.__file__ or "")
    return sorted(path.parent.glob(pattern)) if path.name == "__init__.py" else [path]


def _documented(source: Path) -> Iterator[tuple[str, str]]:
    body = ast.parse(source.read_text(encoding="utf-8")).body
    for assigned, below in pairwise(body):
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            for target in _targets(assigned):
                yield target, inspect.cleandoc(str(below.value.value))


def _targets(statement: ast.stmt) -> Iterator[str]:
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    yield from (target.id for target in targets if isinstance(target, ast.Name))
