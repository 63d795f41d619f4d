"""Arguments of another type than a call takes: told in a sentence, once something has failed over one.

Nothing here is asked before a step that succeeds: whoever gives what fits pays nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from .chart import Chart
from .history import Reason

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["expect"]


def expect(given: Mapping[str, object]) -> None:
    """Raise TypeError for the first of these arguments that no call takes, with what to give; other names are let by.

    Meant for the `locals()` of a call that failed with an AttributeError or a TypeError: when everything fits, the
    error is the application's own, say of one of its guards.
    """
    for name, (fits, wanted) in _EXPECTED.items():
        if name in given and not fits(given[name]):
            raise TypeError(f"{name} is {wanted}, not {_shown(given[name])}")


def _shown(value: object) -> str:
    from reprlib import repr as short  # when it is needed: on failure alone

    return short(value)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_text_or_none(value: object) -> bool:
    return value is None or isinstance(value, str)


def _is_actor(value: object) -> bool:
    return value is None or isinstance(value, str) or isinstance(getattr(value, "role", None), str)


def _is_reason(value: object) -> bool:
    if isinstance(value, Reason):
        return all(part is None or isinstance(part, str) for part in (value.code, value.text))
    return value is None or isinstance(value, str)


def _are_links(value: object) -> bool:
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        return False
    return all(isinstance(getattr(link, "rel", None), str) for link in value)


def _is_mapping(value: object) -> bool:
    return value is None or isinstance(value, Mapping)


def _are_facts(value: object) -> bool:
    return callable(value) or _is_mapping(value)


def _is_moment(value: object) -> bool:
    return value is None or isinstance(value, datetime)


def _are_texts(value: object) -> bool:
    return not isinstance(value, str) and isinstance(value, Iterable) and all(map(_is_text, value))


_EXPECTED: Mapping[str, tuple[Callable[[object], bool], str]] = {
    "chart": (lambda value: isinstance(value, Chart), 'a Chart, e.g. orderfsm.load("stat/order")'),
    "configuration": (_is_text, "a text"),
    "event": (_is_text, "a text"),
    "actor": (_is_actor, "a role (a text), an Actor or None"),
    "reason": (_is_reason, "a code (a text), a Reason of texts or None"),
    "links": (_are_links, "a list of Link"),
    "payload": (_is_mapping, "a mapping or None"),
    "facts": (_are_facts, "a mapping, a function that answers one, or None"),
    "guards": (_is_mapping, "a mapping of names to functions, or None"),
    "key": (_is_text_or_none, "a text or None"),
    "occurred_at": (_is_moment, "a datetime with a time zone, or None"),
    "now": (_is_moment, "a datetime with a time zone, or None"),
    "codes": (_are_texts, "a list of texts"),
}
