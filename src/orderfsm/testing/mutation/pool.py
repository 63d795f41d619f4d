"""Where runs go: a process with slots that fork, or, where nothing forks, a process for each run."""

from __future__ import annotations

import os
import pickle
import queue
import socket
import subprocess
import sys
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orderfsm.errors import OrderFsmError

from .forks import TOLD, Attended, Forks
from .process import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .process import Baseline, Job
    from .substitution import Key

    Ask = Callable[[Job], Answer]

__all__ = ["NoBaseline", "asked", "pool", "printed"]

GRACE = 10.0
"""Seconds that processes have to end by themselves."""


class NoBaseline(OrderFsmError):
    """The team's: without a mutant the tests fail, or nothing of the charts is in them.

    `told` is the end of what pytest has printed, where that says more.
    """

    code = "no-baseline"

    def __init__(self, message: str, told: str = "") -> None:
        super().__init__(message)
        self.told = told


def asked(request: Any, folder: Path, *, seconds: float | None = None) -> Any:
    """What a request makes of itself in a process of its own. Raises TimeoutExpired, NoBaseline when it ends early."""
    result = folder / "result"
    with _started(result) as process:
        try:
            if isinstance(request, Attended):
                _attended(process, request)
            else:
                process.communicate(pickle.dumps(request), seconds)
        except BaseException:
            process.kill()
            raise
    return _result(result, process)


def _attended(process: subprocess.Popen[bytes], request: Attended) -> None:
    """Wait for a request for as long as it takes; whatever ends the waiting ends what it has started."""
    assert process.stdin is not None  # noqa: S101 - it is a pipe
    with suppress(BrokenPipeError):
        process.stdin.write(pickle.dumps(request))
        process.stdin.flush()
    try:
        process.wait()
    finally:
        with suppress(BrokenPipeError):
            process.stdin.close()
        process.wait(GRACE)


def _started(result: Path, lines: tuple[int, ...] = ()) -> subprocess.Popen[bytes]:
    """A process that reads a request, and writes what came of it to a file; what it prints goes into one beside it."""
    result.unlink(missing_ok=True)
    command = [sys.executable, "-m", "orderfsm.testing.mutation", str(result)]
    with result.with_suffix(".txt").open("wb") as output:
        return subprocess.Popen(  # noqa: S603 - our own module
            command,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=lines,
            start_new_session=bool(lines),
        )


def printed(folder: Path) -> str:
    """The end of what the process that was asked last has printed."""
    return (folder / "result.txt").read_text(encoding="utf-8", errors="replace")[-TOLD:]


def _result(result: Path, process: subprocess.Popen[bytes]) -> Any:
    if not result.exists():
        raise NoBaseline(f"the process of the tests has ended with {process.returncode}", printed(result.parent))
    return pickle.loads(result.read_bytes())  # noqa: S301 - of our own child


@contextmanager
def pool(baseline: Baseline, charts: frozenset[Key], jobs: int, folder: Path) -> Iterator[Ask]:
    """A function that runs jobs, as many at once as there are slots; every process is gone when the block ends."""
    if not hasattr(os, "fork"):
        yield lambda job: _alone(job, folder)
        return
    process, lines = _forking(baseline.modules, charts, jobs, folder)
    free: queue.SimpleQueue[socket.socket] = queue.SimpleQueue()
    for line in lines:
        free.put(line)

    def ask(job: Job) -> Answer:
        line = free.get()
        try:
            return _told(line, job)
        finally:
            free.put(line)

    try:
        yield ask
    finally:
        _hang_up(process, lines)


def _told(line: socket.socket, job: Job) -> Answer:
    with line.makefile("rwb") as stream:
        stream.write(pickle.dumps(job))
        stream.flush()
        try:
            answer: Answer = pickle.load(stream)  # noqa: S301 - of our own child
        except EOFError:
            raise NoBaseline("the process that runs the tests with mutants has ended") from None
    if answer.outcome == "lost":
        raise NoBaseline(f"a run could not begin: {answer.by}")
    return answer


def _forking(
    modules: tuple[str, ...], charts: frozenset[Key], jobs: int, folder: Path
) -> tuple[subprocess.Popen[bytes], list[socket.socket]]:
    """The process that forks, and the lines to its slots.

    It begins anew without the modules at whose import a chart is read: these are the team's, though installed.
    """
    while True:
        process, lines = _begun(modules, charts, jobs, folder / "result")
        try:
            for line in lines:
                with line.makefile("rb") as stream:
                    pickle.load(stream)  # noqa: S301 - READY, of our own child
        except EOFError:
            _hang_up(process, lines)
            modules = tuple(_without(modules, _result(folder / "result", process)))
        except BaseException:
            process.kill()  # it may be importing still, and does not hear who hangs up
            _hang_up(process, lines)
            raise
        else:
            return process, lines


def _begun(
    modules: tuple[str, ...], charts: frozenset[Key], jobs: int, result: Path
) -> tuple[subprocess.Popen[bytes], list[socket.socket]]:
    mine, theirs = zip(*(socket.socketpair() for _ in range(jobs)), strict=True)
    numbers = tuple(line.fileno() for line in theirs)
    process = _started(result, numbers)
    assert process.stdin is not None  # noqa: S101 - it is a pipe
    with process.stdin as stdin:
        stdin.write(pickle.dumps(Forks(modules, charts, numbers)))
    for line in theirs:
        line.close()
    return process, list(mine)


def _without(modules: tuple[str, ...], culprit: str) -> Iterator[str]:
    """The modules without one of them and what lies below it; of another package than orderfsm, without all of it."""
    root = culprit if culprit.startswith("orderfsm.") else culprit.partition(".")[0]
    yield from (name for name in modules if name != root and not name.startswith(f"{root}."))


def _hang_up(process: subprocess.Popen[bytes], lines: list[socket.socket]) -> None:
    for line in lines:
        with suppress(OSError):
            line.shutdown(socket.SHUT_RDWR)
        line.close()
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _alone(job: Job, folder: Path) -> Answer:
    """A run in a new process, which imports everything."""
    with tempfile.TemporaryDirectory(dir=folder) as own:
        try:
            answer: Answer = asked(job, Path(own), seconds=job.seconds)
        except subprocess.TimeoutExpired:
            return Answer("timed out")
        except NoBaseline as error:
            return Answer("broken", "the process of the tests has ended", told=error.told)
    return answer
