"""Drawings in files: which are stale, and mending them."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orderfsm.drawn import look

from .answer import Answer, Misused
from .drawing import SUFFIXES, Wanted
from .files import target_of
from .files import write as write_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from orderfsm.drawn import Look

__all__ = ["keep"]

HOLDERS = frozenset({*SUFFIXES, ".gv", ".markdown", ".mdx", ".rst"})
"""How the names of files end that are looked into when their folder is named."""

PASSED = frozenset({"node_modules", "__pycache__", "site-packages"})


def keep(files: Sequence[str], wanted: Wanted, *, check: bool, write: bool) -> Answer:
    """Tell what is stale in the files, or draw it anew."""
    if check and write:
        raise Misused("--check tells what is stale, --write mends it; give one of them")
    if wanted != Wanted():
        raise Misused("how a drawing is made is read in its file; give --check or --write and files alone")
    return _mend(files) if write else _check(files)


def _check(names: Sequence[str]) -> Answer:
    """Which drawings are not what would be drawn now; exits with 1 when there are any."""
    found = _found(names)
    wrong = [_told(file, held) for file, look in found for held in look.drawings if held.problem]
    stale = [file for file, look in found if _is_stale(look)]
    lines = [f"mend them: orderfsm draw --write {shlex.join(stale)}"] if stale else []
    return Answer(_data(found), [*wrong, *lines, *_summary(found)], code=1 if wrong else 0)


def _mend(names: Sequence[str]) -> Answer:
    """Draw anew what is stale, and name the files that were written; exits with 1 when something is left.

    Nothing is written when one of the files is read-only.
    """
    found = _found(names)
    changed = [file for file, look in found if _is_stale(look)]
    for file in changed:
        target_of(Path(file))
    for file, each in found:
        if file in changed:
            write_file(Path(file), each.mended())
    left = [(file, held) for file, look in found for held in look.drawings if held.problem not in ("", "stale")]
    data = {"written": changed, "drawings": _data(found)}
    return Answer(data, [*changed, *(_told(file, held) for file, held in left)], code=1 if left else 0)


def _found(names: Sequence[str]) -> list[tuple[str, Look]]:
    """The files that were named, and of folders those that hold drawings."""
    found: list[tuple[str, Look]] = []
    for name in dict.fromkeys(names):
        if Path(name).is_dir():
            below = ((path.as_posix(), look(path)) for path in _below(Path(name)))
            found += [(file, each) for file, each in below if each.drawings]
        elif Path(name).is_file():
            found.append((name, look(Path(name))))
        else:
            raise Misused(f"there is no file {name}; name files that hold drawings, or folders")
    return found


def _below(folder: Path) -> Iterator[Path]:
    """The files of a folder that may hold drawings, in order; links, hidden folders and packages are passed by."""
    for path in sorted(each for each in folder.iterdir() if not each.is_symlink()):
        if path.is_dir() and path.name not in PASSED and not path.name.startswith("."):
            yield from _below(path)
        elif path.suffix.lower() in HOLDERS and path.is_file():
            yield path


def _is_stale(found: Look) -> bool:
    return any(held.problem == "stale" for held in found.drawings)


def _told(file: str, held: Any) -> str:
    return f"{file}:{held.line}: {held.recipe}: {held.problem}"


def _summary(found: Iterable[tuple[str, Look]]) -> list[str]:
    """How much was looked at, and which files hold nothing: their mark may have been lost."""
    none = [file for file, look in found if not look.drawings]
    drawings = [held for _, look in found for held in look.drawings]
    current = sum(not held.problem for held in drawings)
    lines = [f"{current} of {len(drawings)} drawings are current"]
    return [*lines, f"no drawings of orderfsm: {', '.join(none)}"] if none else lines


def _data(found: Iterable[tuple[str, Look]]) -> list[dict[str, Any]]:
    return [
        {"file": file, "line": held.line, "drawing": held.recipe, "problem": held.problem or None}
        for file, look in found
        for held in look.drawings
    ]
