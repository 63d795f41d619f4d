"""What commands share that write to a service's database, once or on and on."""

from __future__ import annotations

import importlib
import re
import signal
import sys
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from .answer import Misused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from orderfsm.lifecycle import Lifecycle

__all__ = ["named", "span", "told_to_stop"]

UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3_600}


def named(name: str) -> Lifecycle:
    """The lifecycle that a module of the service has, looked for from the current directory on."""
    from orderfsm.lifecycle import Lifecycle

    module, _, attribute = name.partition(":")
    if not (module and attribute) or module.startswith("."):
        raise Misused(f"--lifecycle: {name} is not MODULE:ATTRIBUTE; write for example shop.orders:lifecycle")
    sys.path.insert(0, "")
    try:
        found: Any = importlib.import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever the service's own module raises
        raise Misused(f"--lifecycle: {name}: {type(error).__name__}: {error}") from None
    if not isinstance(found, Lifecycle):
        raise Misused(f"--lifecycle: {name} is no Lifecycle but {type(found).__name__}")
    return found


def span(text: str, option: str = "--every") -> timedelta:
    """The time that a text such as `500ms`, `1s` or `2m` says."""
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)", text)
    seconds = float(found[1]) * UNITS[found[2]] if found else 0
    if not 0 < seconds <= 86_400:
        raise Misused(f"{option}: {text} is not a time of up to a day; write for example 500ms, 1s or 2m")
    return timedelta(seconds=seconds)


@contextmanager
def told_to_stop(
    stop: Callable[[], object], by: Iterable[signal.Signals] = (signal.SIGTERM, signal.SIGINT)
) -> Iterator[None]:
    """Those signals call `stop` for as long as the block lasts."""
    before = {number: signal.signal(number, lambda *_: stop()) for number in by}
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)
