"""The page of the error codes, read off the errors themselves: the `type` of every problem document leads there."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from orderfsm import errors
from orderfsm.diagrams.markdown import code, grid
from orderfsm.errors import OrderFsmError
from orderfsm.http.codes import HTTP_CODES
from orderfsm.http.failure import STATUS

__all__ = ["BLOCKERS", "error_page"]

HEAD = """# Errors

<!-- Made from the errors by `make docs`; do not edit. -->

Every error of orderfsm has a stable code. In Python it is the attribute `code` of an exception; over HTTP it is the
member `code` of a problem document (RFC 9457), whose `type` leads to this page. The tree of the exceptions is at the
head of [orderfsm.errors](python/orderfsm.errors.md): it answers one question, whose move is it.
"""

BLOCKERS = {
    "actor-missing": "The event is for somebody: say who asks. `allowed` has the roles.",
    "already-there": "The order is where the correction would bring it.",
    "ambiguous": "What was seen can be reached by several events.",
    "guard-failed": "A guard cannot be evaluated.",
    "guard-open": "Whether it may be sent depends on a guard that cannot be asked yet.",
    "guard-refused": "A guard says no: its text, the parts that have `failed`, and the `operands`.",
    "held": "The order is held, and the event has to wait until its `holds` are released.",
    "hold-exists": "The order is held already under the name `hold`.",
    "hold-of-another": "The hold was put by somebody else.",
    "hold-unknown": "The order has no hold of the name `hold`.",
    "link-missing": "A link with the relation `rel` has to come along.",
    "missing-guard": "The application did not supply the guard.",
    "no-such-entry": "The correction points at an entry that is not there, or that does not count any more.",
    "not-enabled": "No arrow leads out of here by this event. `path` has the events that lead to where it is enabled.",
    "not-initial": "No order begins with the code that was seen.",
    "not-permitted": "The event is for other roles: `allowed`.",
    "nothing-to-void": "The entry cannot be taken back: it is not the last one that counts.",
    "occurred-ahead": "The time that is claimed lies after the clock.",
    "occurred-late": "The time that is claimed lies before the last entry.",
    "payload-invalid": "The payload's `field` is not what is `wanted`.",
    "payload-missing": "The payload lacks the `field`.",
    "reason-forbidden": "The event takes no reason.",
    "reason-missing": "The event needs a reason; `allowed` has the codes where they are a closed list.",
    "reason-unknown": "The reason's code is none of those that are `allowed`.",
    "stored-state-unknown": "The order is in a state that this version of the chart lacks.",
    "terminal": "The order has ended: nothing leads out of here.",
    "timer-stray": "The state was left without its timer being told.",
    "unknown-code": "No state of the chart has the code that was seen.",
    "unknown-event": "The chart has no such event.",
}
"""Code of a blocker -> what it says."""


def error_page() -> str:
    """One section per code, then those of HTTP alone, then the blockers. It ends in a line break."""
    library = ["## Errors of the library\n", *_sections()]
    return "\n".join([HEAD, *library, "## Only over HTTP\n", *_http_sections(), _blockers()])


def _errors() -> Iterator[type[OrderFsmError]]:
    for name in sorted(errors.__all__):
        found = getattr(errors, name)
        if isinstance(found, type) and issubclass(found, OrderFsmError):
            yield found


def _sections() -> Iterator[str]:
    for error in sorted(_errors(), key=lambda error: error.code):
        status = next(status for kind, status in STATUS.items() if issubclass(error, kind))
        facts = f"`{error.__name__}`, a kind of `{error.__mro__[1].__name__}`"
        facts += f" · HTTP {status}" if status < 500 or error in STATUS else ""
        yield f"### {error.code}\n\n{facts}\n\n{inspect.cleandoc(error.__doc__ or '')}\n"


def _http_sections() -> Iterator[str]:
    for name, (status, said) in HTTP_CODES.items():
        yield f"### {name}\n\nHTTP {status}\n\n{said}\n"


def _blockers() -> str:
    rows = [[code(name), said] for name, said in BLOCKERS.items()]
    head = "## Blockers\n\nA refusal lists every reason why not, each with a code, a sentence and parameters.\n"
    return "\n".join([head, grid(["code", "says"], rows)])
