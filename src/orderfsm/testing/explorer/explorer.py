"""The explorer: the same clients again and again, in every order in which their statements can fall."""

from __future__ import annotations

from collections.abc import Coroutine, Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine
from sqlmodel import Session

from orderfsm.errors import Conflict, NotOpened, Refused
from orderfsm.lifecycle import lost_race
from orderfsm.sqlmodel import engine as safe_engine

from .locks import locks_of
from .points import Points
from .schedule import Frontier, planned
from .turns import Hung, Turns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

    from sqlalchemy import orm

    from .schedule import Switch
    from .trace import Moment
    from .turns import Client, Decision

    Work = Callable[[Any, Any], Any]
    Check = Callable[[Any, "Run"], Iterable[str] | None]

__all__ = ["Explored", "Explorer", "Outcome", "Run", "explore"]

ANSWERS = (Refused, Conflict, NotOpened)
"""Errors with which the library says no, having written nothing."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a client was told: the value that it returned, or the error that it raised.

    `invoked` and `answered` are numbers of moments: one that was answered before another was invoked came first.
    """

    client: str
    value: Any
    error: BaseException | None
    invoked: int
    answered: int

    def __str__(self) -> str:
        if self.error is None:
            return f"{self.client} returned {_brief(self.value)}"
        return f"{self.client} raised {type(self.error).__name__}: {(str(self.error).splitlines() or [''])[0]}"


@dataclass(frozen=True, slots=True)
class Run:
    """One run: what `setup` gave, what each client was told, what happened, what is wrong.

    `schedule` gives the same run again, as choices, also where it was one of switches. `before` is what a check has
    seen before the clients came.
    """

    schedule: tuple[int, ...]
    given: Any
    before: Mapping[Any, Any]
    outcomes: tuple[Outcome, ...]
    moments: tuple[Moment, ...]
    decisions: tuple[Decision, ...]
    problems: tuple[str, ...] = ()

    @property
    def interruptions(self) -> int:
        """How often somebody else went on although the one that was running could have."""
        return sum(decision.cost for decision in self.decisions)

    def verify(self) -> None:
        """Raise AssertionError, with the trace, when something is wrong."""
        if self.problems:
            raise AssertionError(str(self))

    def __str__(self) -> str:
        width = max((len(moment.client) for moment in self.moments), default=0)
        said = [line for moment in self.moments for line in moment.lines(width)]
        heading = f"schedule {self.schedule}, {self.interruptions} interruption{'' if self.interruptions == 1 else 's'}"
        return "\n".join([*(self.problems or ["nothing is wrong"]), "", heading, *said, *map(str, self.outcomes)])


@dataclass(frozen=True, slots=True)
class Explored:
    """What was tried: the number of schedules, the first run in which something was wrong, whether all were tried.

    `strayed` counts the schedules that did not lead where they had led before: their clients depend on something that
    is not the same in each run, such as a clock.
    """

    number: int
    found: Run | None = None
    complete: bool = True
    strayed: int = 0

    def verify(self) -> None:
        """Raise AssertionError, with the trace of the run that was found, when there is one."""
        if self.found is not None:
            self.found.verify()


class Explorer:
    """Clients on a real database, one statement at a time, in the order that a schedule says; use it with `with`.

    `database` is an engine, or the URL of one. Before each run `setup(session)` makes what the clients work on, and
    what it returns is given to each of them: `client(session, given)`. These sessions come from `sessions`, and are
    **committed** here when the function returns; what commits by itself may do so. Then `check(session, run)` says in
    texts what is wrong, or raises AssertionError; there may be a list of checks. A check with a method
    `before(session, given)` has it called after `setup`, and finds what it returned as `run.before[check]`.

    An error of a client is an answer when it says that nothing was written: Refused, Conflict, NotOpened, what
    `lost_race` knows, and those of `answers`. Any other is a problem of the run. So is a client that does not come to
    its next statement within `patience` seconds, and a run of more than `most` moments.

    Statements of other threads than the clients' are left alone, and so are those over another engine.
    """

    def __init__(
        self,
        database: Engine | str,
        setup: Callable[[Any], Any],
        clients: Sequence[Work] | Mapping[str, Work],
        check: Check | Sequence[Check],
        *,
        sessions: Callable[[], orm.Session] | None = None,
        answers: tuple[type[Exception], ...] = (),
        patience: float = 10.0,
        most: int = 5_000,
    ) -> None:
        self.engine = safe_engine(database, durability="relaxed") if isinstance(database, str) else database
        if not isinstance(self.engine, Engine):
            raise TypeError(f"{type(database).__name__} is no engine; an AsyncEngine has one: its sync_engine")
        self._owned = isinstance(database, str)
        self.setup = setup
        self.checks: tuple[Check, ...] = (check,) if callable(check) else tuple(check)
        self.clients = _clients(clients)
        self.sessions = sessions or partial(Session, self.engine)
        self.answers = (*ANSWERS, *answers)
        self.patience, self.most = patience, most
        self._locks = locks_of(self.engine)
        self._points = Points(self.engine, self._locks)

    def __enter__(self) -> Explorer:
        self._points.listen()
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self._points.leave()
        self._locks.close()
        if self._owned:
            self.engine.dispose()

    # --- one run

    def run(self, schedule: Sequence[int] | Sequence[Switch] = ()) -> Run:
        """One run: `setup`, the clients in the order that a schedule says, the check.

        Raises what `setup` raises, and what the check does beside AssertionError.
        """
        if not self._points.listening:
            raise RuntimeError("nobody listens to the statements: with Explorer(…) as explorer: explorer.run(…)")
        with self.sessions() as session:
            given = self.setup(session)
            session.commit()
        with self.sessions() as session:
            before = {each: each.before(session, given) for each in self.checks if hasattr(each, "before")}
        self._locks.begin()
        turns = Turns(self._locks, planned(schedule), self.patience, self.most)
        for name, work in self.clients.items():
            turns.add(name, partial(self._live, work, given))
        hung = ""
        try:
            turns.run()
        except Hung as error:
            hung = f"{error}{_left(turns.left)}"
        outcomes = tuple(_outcome(client) for client in turns.clients)
        decisions = tuple(turns.decisions)
        made = _trimmed([decision.taken for decision in decisions])
        run = Run(made, given, before, outcomes, tuple(turns.moments), decisions)
        return _with(run, [hung] if hung else [*self._unexpected(outcomes), *self._checked(run)])

    def _live(self, work: Work, given: Any) -> Any:
        """What a client does in its thread."""
        try:
            with self.sessions() as session:
                found = _returned(work(session, given))
                session.expire_on_commit = False  # the checks read what it has returned when the session is closed
                session.commit()
                return found
        finally:
            self._points.close_left()

    def _unexpected(self, outcomes: Iterable[Outcome]) -> list[str]:
        errors = [each for each in outcomes if each.error is not None]
        return [str(each) for each in errors if not (isinstance(each.error, self.answers) or lost_race(each.error))]  # type: ignore[arg-type]

    def _checked(self, run: Run) -> list[str]:
        try:
            with self.sessions() as session:
                return [text for check in self.checks for text in _texts(check(session, run))]
        except AssertionError as error:
            return [str(error) or "the check failed"]

    # --- many

    def explore(self, *, interruptions: int = 2, limit: int = 20_000) -> Explored:
        """Try every schedule with at most so many interruptions, the fewest first, until something is wrong.

        Changes where the running client ends or has to wait are no interruptions. Tries at most `limit` schedules. The
        clients run once beforehand, for whatever is only done the first time. Raises what `run` raises.
        """
        if interruptions < 0:
            raise ValueError(f"interruptions={interruptions}: give 0 or more; 2 finds most races")
        first = self.run()
        if first.problems:
            return Explored(1, first, complete=False)
        frontier, number, strayed = Frontier(interruptions), 0, 0
        while (planned := frontier.next()) is not None:
            if number == limit:
                return Explored(number, None, complete=False, strayed=strayed)
            schedule, options = planned
            run = self.run(schedule)
            number += 1
            if run.problems:
                return Explored(number, run, complete=False, strayed=strayed)
            if tuple(decision.options for decision in run.decisions[: len(options)]) == options:
                frontier.add(schedule, run.decisions)
            else:
                strayed += 1
        return Explored(number, strayed=strayed)


def explore(
    database: Engine | str,
    setup: Callable[[Any], Any],
    clients: Sequence[Work] | Mapping[str, Work],
    check: Check | Sequence[Check],
    *,
    interruptions: int = 2,
    limit: int = 20_000,
    sessions: Callable[[], orm.Session] | None = None,
    answers: tuple[type[Exception], ...] = (),
    patience: float = 10.0,
    most: int = 5_000,
) -> Explored:
    """Try every schedule of the clients with at most so many interruptions; see Explorer for the arguments.

    The sessions of `setup` and of the clients are committed here.
    """
    made = Explorer(database, setup, clients, check, sessions=sessions, answers=answers, patience=patience, most=most)
    with made as explorer:
        return explorer.explore(interruptions=interruptions, limit=limit)


def _texts(said: Any) -> Iterable[str]:
    """What a check says is wrong; one text is taken for a list of one. Raises TypeError for a bare yes or no."""
    if isinstance(said, bool):
        raise TypeError(f"a check has answered {said}; let it return texts that say what is wrong, or assert")
    return [said] if isinstance(said, str) else said or ()


def _clients(given: Sequence[Work] | Mapping[str, Work]) -> dict[str, Work]:
    """Clients by their names. Raises TypeError for anything else than several of them."""
    if not given or not isinstance(given, (Mapping, Sequence)):
        raise TypeError(f"clients={given!r}: give functions client(session, given), in a list or by their names")
    return dict(given) if isinstance(given, Mapping) else _named(given)


def _named(clients: Sequence[Work]) -> dict[str, Work]:
    """Clients by the names of their functions; a second one of a name has a number."""
    found: dict[str, Work] = {}
    for number, work in enumerate(clients, 1):
        inner = work.func if isinstance(work, partial) else work
        name = getattr(inner, "__name__", type(inner).__name__).replace("<lambda>", "client")
        found[name if name not in found else f"{name} {number}"] = work
    return found


def _returned(found: Any) -> Any:
    """What a client has returned. Raises TypeError for a coroutine or a generator: nothing was done yet."""
    if isinstance(found, (Coroutine, Generator)):
        found.close()
        raise TypeError("a client is a plain function, neither asynchronous nor a generator: nothing of it has run")
    return found


def _outcome(client: Client) -> Outcome:
    return Outcome(client.name, client.value, client.error, client.invoked, client.answered)


def _trimmed(choices: list[int]) -> tuple[int, ...]:
    """The choices without those at the end that let things go on."""
    while choices and choices[-1] == 0:
        choices.pop()
    return tuple(choices)


def _left(clients: Iterable[Client]) -> str:
    names = ", ".join(client.name for client in clients)
    return f"; {names} could not be ended, and its thread is still there" if names else ""


def _with(run: Run, problems: Iterable[str]) -> Run:
    found = tuple(problems)
    return Run(run.schedule, run.given, run.before, run.outcomes, run.moments, run.decisions, found)


def _brief(value: Any) -> str:
    """A value in a line; of an entry, what it says."""
    if all(hasattr(value, name) for name in ("before", "event", "after", "sequence")):
        return f"entry {value.sequence}: {value.before} --{value.event}-> {value.after}"
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:79]}…"
