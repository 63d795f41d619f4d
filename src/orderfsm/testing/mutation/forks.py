"""A process that has imported what the suite needs, and forks one child for each run.

It imports Python's modules and installed packages, and none of the team's: the child imports those afresh, with the
mutant in its place. A line (a socket) goes to each of its slots, which run one job at a time. Whoever hangs up ends the
slot and what it runs, so that nothing is left when the other end is gone, whatever has become of it.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import os
import pickle
import signal
import socket
import sys
import tempfile
import traceback
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from select import select
from typing import TYPE_CHECKING, Any

from .process import Answer
from .substitution import Key, substituting

if TYPE_CHECKING:
    from collections.abc import Callable

    from .process import Job

__all__ = ["TOLD", "Attended", "Forks"]

READY = "ready"
"""What a slot says first."""

TOLD = 2_000
"""How many characters are kept of what a process has printed that cannot begin."""


@dataclass(frozen=True)
class Forks:
    """What to import, the charts that must not be read on the way, and the lines to the slots (file descriptors)."""

    modules: tuple[str, ...]
    charts: frozenset[Key]
    lines: tuple[int, ...]

    def run(self) -> str:
        """Serve until everybody has hung up; or the module at whose import a chart was read, which serves nobody."""
        culprit = self._import()
        if culprit:
            return culprit
        gc.freeze()  # what is here stays: no child looks through it for garbage, which pytest does at its end
        slots = [_begun(partial(_serve, line, self.lines)) for line in self.lines]
        for line in self.lines:
            os.close(line)
        for slot in slots:
            os.waitpid(slot, 0)
        return ""

    def _import(self) -> str:
        with substituting({}) as read:
            for name in self.modules:
                with suppress(Exception):  # what cannot be imported alone is imported by whoever needs it
                    importlib.import_module(name)
                if any(key[:2] == each[:2] for key in read for each in self.charts):
                    return name
        return ""


def _begun(work: Callable[[], object]) -> int:
    """The number of a child process that does some work, and nothing after it."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except Exception:  # noqa: BLE001 - nobody else could tell it
            traceback.print_exc()
        finally:
            os._exit(0)
    return child


# --- a slot


def _serve(mine: int, lines: tuple[int, ...]) -> None:
    for other in lines:
        if other != mine:
            os.close(other)
    with socket.socket(fileno=mine) as line, line.makefile("rwb") as stream:
        _say(stream, READY)
        while True:
            try:
                job = pickle.load(stream)  # noqa: S301 - of the process that has started this one
            except EOFError:
                return
            _say(stream, _run(job, line))


def _say(stream: Any, what: object) -> None:
    stream.write(pickle.dumps(what))
    stream.flush()


def _run(job: Job, line: socket.socket) -> Answer:
    """What a child makes of a job."""
    try:
        found: Answer = heard(partial(_ran, job), line, job.seconds)
    except TimeoutError:
        return Answer("timed out")
    except EOFError:
        return Answer("broken", "the process of the tests has ended")
    return found


def _ran(job: Job) -> Answer:
    """What becomes of a job in this process, with its output in a file; lost is what is no fault of the tests."""
    try:
        with tempfile.TemporaryFile() as output:
            for stream in (1, 2):
                os.dup2(output.fileno(), stream)
            answer = job.run()
            return answer if answer.outcome == "passed" else replace(answer, told=_end(output))
    except OSError as error:  # of ours: the disk is full, say
        return Answer("lost", str(error))
    except BaseException as error:  # noqa: BLE001 - whatever it was, it is told
        return Answer("broken", repr(error))


def _end(output: Any) -> str:
    """The end of what was printed."""
    output.seek(0)
    text: str = output.read().decode(errors="replace")
    return text[-TOLD:]


# --- a child


@dataclass(frozen=True)
class Attended:
    """A request that runs for as long as whoever asks keeps the standard input open."""

    request: Any

    def run(self) -> Any:
        """What the request makes of itself."""
        return heard(self.request.run, sys.stdin.buffer)


def heard(work: Callable[[], Any], line: Any, seconds: float | None = None) -> Any:
    """What a child makes of some work; it and all that it has started are gone afterwards.

    Raises TimeoutError when it takes longer, EOFError when it ends early, SystemExit when who is on the line hangs up.
    """
    reading, writing = os.pipe()
    child = _begun(partial(_child, work, writing, line))
    os.close(writing)
    with os.fdopen(reading, "rb") as answers:
        try:
            ready = select([reading, line.fileno()], [], [], seconds)[0]
            if line.fileno() in ready:  # nobody asks for two things at once: they have hung up
                raise SystemExit
            if not ready:
                raise TimeoutError
            return pickle.load(answers)  # noqa: S301 - of our own child
        finally:
            for kill in (os.killpg, os.kill):  # all of its group; itself, where it has none of its own yet
                with suppress(ProcessLookupError, PermissionError):
                    kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def _child(work: Callable[[], Any], writing: int, line: Any) -> None:
    """Do some work, with nothing to read, and end as a process does: what the work leaves to its end is done."""
    os.setsid()
    line.close()
    atexit._clear()  # what was imported before the fork ends with the process that has imported it
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    found = pickle.dumps(work())
    atexit._run_exitfuncs()
    sys.stdout.flush()
    with os.fdopen(writing, "wb") as answers:
        answers.write(found)
