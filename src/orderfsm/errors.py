"""Every error that orderfsm raises. The tree answers one question: whose move is it?

```text
OrderFsmError
├── ChartError            the author's: the chart, or the way it was bound, is wrong
│   ├── DocumentError         file:line:column, what was seen, what to type instead
│   ├── ExpressionError       a guard expression that does not parse
│   ├── UnsoundChart          carries the findings of the checks
│   ├── UnsupportedFeature    a construct that this engine leaves out on purpose
│   ├── UnknownChart          no chart of that name
│   └── MissingGuard          a named guard that the service did not supply
├── GuardFailed           the service's: a guard could not be evaluated (never read as false)
├── Refused               the caller's: nothing was written; carries event, configuration, blockers
│   ├── UnknownEvent          the chart has no such event
│   ├── NotEnabled            no arrow for the event leads out of this configuration
│   ├── GuardRefused          an arrow exists, its guard says no
│   ├── NotPermitted          an arrow exists, this actor may not ask for it
│   ├── ReasonNeeded          a reason is missing, unknown or not allowed here
│   ├── LinkNeeded            a link with a required rel is missing
│   ├── PayloadInvalid        the payload does not match the event's schema
│   ├── ClaimRefused          the time that was claimed is too late, or lies ahead
│   └── Ambiguous             a reported state can be reached in more than one way
├── Conflict              somebody moved first: read again and try again
│   └── KeyReused             an idempotency key came back with another request
├── InDoubt               nobody's yet: the commit may or may not have happened; send again with the same key
├── StoredStateUnknown    the operator's: the row holds a configuration that this chart version lacks
├── DirectAssignment      the programmer's: the state was assigned instead of sent an event
├── NotOpened             the programmer's: the order was never opened or adopted, or it was opened twice
├── NotReady              the operator's: the start-up check found errors; carries the findings
├── UnsafeSettings        the operator's: the database would lose or garble what it has acknowledged
├── NotDelivered          the receiver's: it did not take a message, which is sent again later
│   └── Undeliverable         it never will: the message is a dead letter
├── BadSignature          the sender's: a webhook that is not signed, or not as agreed
├── RefusedByDatabase     the operator's: the database enforces histories and refused an entry
├── UnsoundHistory        the operator's: stored histories that enforcement would have refused; carries the findings
├── LogError              the operator's: an event log that cannot be read
├── LedgerBroken          the operator's: a file of seals that is not as it was written
└── NoCounterpart         the crosswalk knows no counterpart
```

Every class has a stable `code` (kebab-case) for logs, problem documents and SARIF.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import timedelta

    from .finding import Finding

__all__ = [
    "Ambiguous",
    "BadSignature",
    "Blocker",
    "ChartError",
    "ClaimRefused",
    "Conflict",
    "DirectAssignment",
    "DocumentError",
    "ExpressionError",
    "GuardFailed",
    "GuardRefused",
    "InDoubt",
    "KeyReused",
    "LedgerBroken",
    "LinkNeeded",
    "LogError",
    "MissingGuard",
    "NoCounterpart",
    "NotDelivered",
    "NotEnabled",
    "NotOpened",
    "NotPermitted",
    "NotReady",
    "OrderFsmError",
    "PayloadInvalid",
    "ReasonNeeded",
    "Refused",
    "RefusedByDatabase",
    "StoredStateUnknown",
    "Undeliverable",
    "UnknownChart",
    "UnknownEvent",
    "UnsafeSettings",
    "UnsoundChart",
    "UnsoundHistory",
    "UnsupportedFeature",
]


class OrderFsmError(Exception):
    """The root: catch it to catch everything that orderfsm raises."""

    code: ClassVar[str] = "orderfsm-error"


# --- the author's -------------------------------------------------------------


class ChartError(OrderFsmError):
    """The chart, or the way it was bound, is wrong; no order was touched."""

    code = "chart-error"


class DocumentError(ChartError):
    """A chart document that cannot be read, with the place and the remedy.

    `others` holds the further errors of the same document, in the order of the file.
    """

    code = "document-error"
    others: tuple[DocumentError, ...] = ()

    def __init__(
        self,
        message: str,
        *,
        filename: str = "<text>",
        line: int = 0,
        column: int = 0,
        path: str = "",
        remedy: str = "",
    ) -> None:
        self.message = message
        self.filename = filename
        self.line = line
        self.column = column
        self.path = path
        self.remedy = remedy
        super().__init__(message)

    def __str__(self) -> str:
        where = f"{self.filename}:{self.line}:{self.column}: " if self.line else f"{self.filename}: "
        inside = f"{self.path}: " if self.path else ""
        remedy = f" ({self.remedy})" if self.remedy else ""
        return f"{where}{inside}{self.message}{remedy}"


class ExpressionError(ChartError):
    """A guard expression outside the language; `offset` is the 0-based column in `text`."""

    code = "expression-error"

    def __init__(self, message: str, *, text: str = "", offset: int = 0, remedy: str = "") -> None:
        self.message = message
        self.text = text
        self.offset = offset
        self.remedy = remedy
        super().__init__(message)

    def __str__(self) -> str:
        remedy = f" ({self.remedy})" if self.remedy else ""
        place = f" at column {self.offset + 1} of `{self.text}`" if self.text else ""
        return f"{self.message}{place}{remedy}"


class UnsoundChart(ChartError):
    """A chart that cannot be compiled; `findings` say why, each with a witness."""

    code = "unsound-chart"

    def __init__(self, message: str, findings: tuple[Finding, ...] = ()) -> None:
        self.findings = findings
        super().__init__(message)


class UnsupportedFeature(ChartError):
    """A construct of a foreign format that this engine leaves out on purpose."""

    code = "unsupported-feature"


class UnknownChart(ChartError):
    """No chart of that name in the catalogue, and no file at that path."""

    code = "unknown-chart"


class MissingGuard(ChartError):
    """The chart names a guard that the service did not supply."""

    code = "missing-guard"


class GuardFailed(OrderFsmError):
    """A guard could not be evaluated: a fact is missing or has the wrong type. Never read as false."""

    code = "guard-failed"

    def __init__(self, message: str, *, guard: str = "") -> None:
        self.guard = guard
        super().__init__(message)


# --- the caller's -------------------------------------------------------------


class Blocker:
    """One reason why an event may not happen: a stable `code`, a `message`, `parameters` with operand values."""

    __slots__ = ("code", "message", "parameters")

    code: str
    message: str
    parameters: Mapping[str, Any]

    def __init__(self, code: str, message: str, parameters: Mapping[str, Any] | None = None) -> None:
        object.__setattr__(self, "code", code)
        object.__setattr__(self, "message", message)
        object.__setattr__(self, "parameters", dict(parameters or {}))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a Blocker is a value; {name} cannot be set")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Blocker):
            return NotImplemented
        return (self.code, self.message, self.parameters) == (other.code, other.message, other.parameters)

    def __hash__(self) -> int:
        return hash((self.code, self.message))

    def __reduce__(self) -> tuple[Any, ...]:
        return Blocker, (self.code, self.message, dict(self.parameters))

    def __repr__(self) -> str:
        return f"Blocker({self.code!r}, {self.message!r}, {dict(self.parameters)!r})"


class Refused(OrderFsmError):
    """The event may not happen; nothing was written.

    `event`, `configuration` and `chart` (the chart's name) say what was asked and where; `blockers` say why not, every
    one of them. They are worked out when first read, so that a refusal on a hot path costs little more than the raise.
    `index` is the place in the sequence when a whole trace was refused.
    """

    __slots__ = ("_blockers", "chart", "configuration", "event")

    code = "refused"
    index: int | None = None

    def __init__(
        self,
        chart: str,
        configuration: str,
        event: str,
        blockers: tuple[Blocker, ...] | Callable[[], tuple[Blocker, ...]] = (),
    ) -> None:
        self.chart = chart
        self.configuration = configuration
        self.event = event
        self._blockers = blockers

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.chart!r}, {self.configuration!r}, {self.event!r})"

    @property
    def blockers(self) -> tuple[Blocker, ...]:
        """Every reason why not, in document order."""
        if callable(self._blockers):
            self._blockers = self._blockers()
        return self._blockers

    def __str__(self) -> str:
        place = f"{self.index}: " if self.index is not None else ""
        said = "; ".join(blocker.message for blocker in self.blockers)
        return place + (said or f"{self.chart} refuses {self.event} in {self.configuration}")

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.chart, self.configuration, self.event, self.blockers, self.index)


def _rebuild(
    cls: type[Refused], chart: str, configuration: str, event: str, blockers: tuple[Blocker, ...], index: int | None
) -> Refused:
    refused = cls(chart, configuration, event, blockers)
    refused.index = index
    return refused


class UnknownEvent(Refused):
    """The chart has no such event."""

    code = "unknown-event"


class NotEnabled(Refused):
    """No arrow for the event leads out of this configuration."""

    code = "not-enabled"


class GuardRefused(Refused):
    """An arrow exists, and its guard says no."""

    code = "guard-refused"


class NotPermitted(Refused):
    """An arrow exists, and this actor may not ask for it."""

    code = "not-permitted"


class ReasonNeeded(Refused):
    """A reason is missing, unknown to a closed vocabulary, or not allowed here."""

    code = "reason-needed"


class LinkNeeded(Refused):
    """A link with a required rel is missing."""

    code = "link-needed"


class PayloadInvalid(Refused):
    """The payload does not match the event's schema."""

    code = "payload-invalid"


class ClaimRefused(Refused):
    """The time that was claimed lies before the last entry or after the clock by more than the lifecycle accepts."""

    code = "claim-refused"


class Ambiguous(Refused):
    """A reported state can be reached by more than one event; say which."""

    code = "ambiguous"


# --- everybody else's ---------------------------------------------------------


class Conflict(OrderFsmError):
    """Somebody moved first. Read the order again and decide again; nothing of this call was written.

    `configuration` and `revision` are where the order stands now, as far as this transaction can see.
    """

    code = "conflict"

    def __init__(self, message: str, *, configuration: str | None = None, revision: int | None = None) -> None:
        self.configuration = configuration
        self.revision = revision
        super().__init__(message)


class KeyReused(Conflict):
    """An idempotency key came back with a different request."""

    code = "key-reused"


class InDoubt(OrderFsmError):
    """A commit that may or may not have happened: the answer to it was lost, or it was not replicated for certain.

    Send again with the same `key`, on a new connection: if it happened, the first entry comes back; if not, it happens
    now. Without a key (None) only the order's history tells. `__cause__` is what the database or its driver said.
    """

    code = "in-doubt"

    def __init__(self, message: str, *, key: str | None = None) -> None:
        self.key = key
        super().__init__(message)


class StoredStateUnknown(OrderFsmError):
    """A row holds a configuration that this version of the chart lacks."""

    code = "stored-state-unknown"


class DirectAssignment(OrderFsmError, AttributeError):
    """The state of an order was assigned directly; send it an event instead."""

    code = "direct-assignment"


class NotOpened(OrderFsmError):
    """The order has no history yet (open or adopt it first), or it already has one (it cannot be opened twice)."""

    code = "not-opened"


class UnsafeSettings(OrderFsmError):
    """A database or a connection that would lose or garble what was acknowledged; the message says what to change."""

    code = "unsafe-settings"


class NotReady(OrderFsmError):
    """A database that is not ready for the lifecycles; `findings` say what to change."""

    code = "not-ready"

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        self.findings = findings
        super().__init__("\n".join(str(finding) for finding in findings))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.findings,)


class NotDelivered(OrderFsmError):
    """A message was not taken. It is sent again, not before `after` has passed if the receiver has asked for that."""

    code = "not-delivered"

    def __init__(self, message: str, *, after: timedelta | None = None) -> None:
        self.after = after
        super().__init__(message)


class Undeliverable(NotDelivered):
    """A message that its receiver will never take: it becomes a dead letter at once."""

    code = "undeliverable"


class BadSignature(OrderFsmError):
    """A webhook that is not signed with a secret that we know, or too long ago."""

    code = "bad-signature"


class RefusedByDatabase(OrderFsmError):
    """The database enforces histories, and refused what the library wrote; the message is the database's."""

    code = "refused-by-database"


class UnsoundHistory(OrderFsmError):
    """Stored histories that enforcement would have refused; `findings` says which and why."""

    code = "unsound-history"

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        self.findings = findings
        shown = "; ".join(f"{finding.path}: {finding.message}" for finding in findings[:3])
        more = f"; and {len(findings) - 3} more" if len(findings) > 3 else ""
        super().__init__(f"the stored histories are not sound: {shown}{more}")


class LogError(OrderFsmError):
    """An event log that cannot be read, with the place and the remedy."""

    code = "log-error"


class LedgerBroken(OrderFsmError):
    """A file of seals that is none, that belongs to another history, or that was changed."""

    code = "ledger-broken"


class NoCounterpart(OrderFsmError):
    """The crosswalk has no counterpart for this state or event."""

    code = "no-counterpart"
