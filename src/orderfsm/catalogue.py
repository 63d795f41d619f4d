"""The catalogue: the charts that come with the package, by name, and charts in files of your own."""

from __future__ import annotations

import os
import re
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from .document import SIZE_LIMIT, read
from .errors import DocumentError, UnknownChart

if TYPE_CHECKING:
    from .chart import Chart

__all__ = ["load", "names"]

FOLDER = Path(__file__).parent / "statecharts"
SUFFIXES = (".yaml", ".yml")
CACHED = 128

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*/[A-Za-z][A-Za-z0-9_-]*")


def load(name_or_path: str | os.PathLike[str], *, profile: str = "full") -> Chart:
    """The chart of that name in the catalogue, e.g. `stat/order`, or in the file at that path, e.g. `./shop.yaml`.

    A name of the catalogue goes before a path; a path ends in .yaml or .yml. The file is read each time, and parsed
    only when its text is new: the same text gives the same Chart, which carries its compiled table. Its `filename` is
    the path as given, and `statecharts/stat/order.yaml` for one of the catalogue. Raises UnknownChart, DocumentError.
    """
    for name, value, fits in (("name_or_path", name_or_path, (str, os.PathLike)), ("profile", profile, (str,))):
        if not isinstance(value, fits):
            raise TypeError(f"{name} is a text, not {type(value).__name__}")
    path = _path(os.fspath(name_or_path))
    return _read(_text(path), _shown(path), profile)


def names() -> tuple[str, ...]:
    """The names of the charts that come with the package, sorted."""
    found = (path.relative_to(FOLDER).with_suffix("").as_posix() for path in FOLDER.glob("*/*.yaml"))
    return tuple(sorted(name for name in found if _is_name(name)))


def _is_name(text: str) -> bool:
    """Whether this can be a chart's name: no dots and one slash, so that no name leaves the folder."""
    return _NAME.fullmatch(text) is not None and not text.startswith("crosswalks/")


def _path(wanted: str) -> Path:
    """The file of a name or a path."""
    shipped = FOLDER / f"{wanted}.yaml"
    if _is_name(wanted) and shipped.is_file():
        return shipped
    if wanted.endswith(SUFFIXES) and "\0" not in wanted:
        if _is_file(wanted):
            return Path(wanted)
        raise UnknownChart(f"no chart at {wanted}; {_remedy(wanted)}")
    raise UnknownChart(f"no chart is called {wanted!r}; {_remedy(wanted)}")


def _is_file(wanted: str) -> bool:
    try:
        return Path(wanted).is_file()
    except OSError:  # a name that no file can have: it is too long
        return False


def _shown(path: Path) -> str:
    """What messages call a file: one that comes with the package as its docs do, wherever it is installed."""
    return path.relative_to(FOLDER.parent).as_posix() if path.is_relative_to(FOLDER) else str(path)


def _remedy(wanted: str) -> str:
    """The name that may be meant, and all there are."""
    known = names()
    close = get_close_matches(wanted, known, n=1, cutoff=0.5)
    meant = f"did you mean {close[0]}? " if close else ""
    return f"{meant}the catalogue has {', '.join(known)}, and a path ends in .yaml"


def _text(path: Path) -> str:
    """What the file says, as far as a document may go."""
    try:
        with path.open("rb") as file:
            content = file.read(SIZE_LIMIT + 1)
        if len(content) > SIZE_LIMIT:
            raise DocumentError(f"more than {SIZE_LIMIT} bytes", filename=str(path), remedy="split the chart")
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line, column = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
        message = f"the byte 0x{content[error.start]:02x} is not UTF-8"
        raise DocumentError(
            message, filename=str(path), line=line, column=column, remedy="save the file as UTF-8"
        ) from None
    except OSError as error:
        raise UnknownChart(f"{path} cannot be read: {error.strerror}") from None


@lru_cache(maxsize=CACHED)
def _read(text: str, filename: str, profile: str) -> Chart:
    return read(text, filename=filename, profile=profile)
