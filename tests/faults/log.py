"""What a client was told, line by line: `invoke`, then `ok`, `fail` or `doubt`. It outlives the client.

A line is one `write` to a file that is open for appending, so it is in the kernel's hands before the client goes on: a
kill -9 may take the line that is being written, and then the client was not told, but never one that was written.
Times are those of the computer's monotonic clock, which all its processes share.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Call", "Log", "calls", "entered", "lines", "unanswered"]

SEND, READ = "send", "read"


class Log:
    """The log of one client, opened for appending; what was begun and cut short is ended first."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT)
        self.last: dict[str, Any] = {}
        size = os.fstat(self._file).st_size
        if size and os.pread(self._file, 1, size - 1) != b"\n":
            os.write(self._file, b"\n")

    def invoke(self, call: str, order: int, event: str | None, key: str | None = None) -> None:
        self._say("invoke", call, order=order, event=event, key=key)

    def ok(self, call: str, sequence: int, before: str | None, after: str | None) -> None:
        self._say("ok", call, sequence=sequence, before=before, after=after)

    def fail(self, call: str, because: str) -> None:
        self._say("fail", call, because=because)

    def doubt(self, call: str, because: str) -> None:
        self._say("doubt", call, because=because)

    def _say(self, said: str, call: str, **more: Any) -> None:
        self.last = {"at": time.monotonic_ns(), "said": said, "call": call, **more}
        os.write(self._file, (json.dumps(self.last) + "\n").encode())

    def close(self) -> None:
        os.close(self._file)


def lines(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a log; one that was cut short is left out."""
    with path.open("rb") as file:
        for line in file:
            try:
                yield json.loads(line)
            except ValueError:
                continue


@dataclass(slots=True)
class Call:
    """All attempts of one call: from the first question to the first answer, and every answer that was given.

    `event` is None for a read. `told` holds (sequence, before, after) of each `ok`; `open` says that some attempt was
    neither answered nor certainly refused.
    """

    name: str
    order: int
    event: str | None
    invoked: int
    answered: int | None = None
    told: tuple[tuple[int, str | None, str | None], ...] = ()
    open: bool = False
    failures: tuple[str, ...] = ()
    doubts: int = 0
    asked: int = 1

    @property
    def failed(self) -> bool:
        """Whether every attempt was refused: then nothing may be there."""
        return not self.told and not self.open


def calls(paths: Iterable[Path]) -> dict[str, Call]:
    """The calls of all clients by their names."""
    return entered(lines(path) for path in paths)


def entered(logs: Iterable[Iterable[dict[str, Any]]]) -> dict[str, Call]:
    """The same from the lines of each log."""
    found: dict[str, Call] = {}
    for log in logs:
        waiting: Call | None = None
        for line in log:
            waiting = _take(found, waiting, line)
        if waiting is not None:
            waiting.open = True
    return found


def _take(found: dict[str, Call], waiting: Call | None, line: dict[str, Any]) -> Call | None:
    """Enter one line; returns the call that now waits for an answer."""
    name = line["call"]
    if line["said"] == "invoke":
        if waiting is not None:
            waiting.open = True
        if name not in found:
            found[name] = Call(name, line["order"], line["event"], line["at"])
        else:
            _again(found[name], line["at"])
        return found[name]
    call = found[name]
    if line["said"] == "ok":
        call.told += ((line["sequence"], line["before"], line["after"]),)
        call.answered = line["at"] if call.answered is None else call.answered
    elif line["said"] == "fail":
        call.failures += (line["because"],)
    else:
        call.open = True
        call.doubts += 1
    return None


def _again(call: Call, at: int) -> None:
    call.asked += 1
    if call.failed:  # nothing of it can have happened so far
        call.invoked = at


def unanswered(path: Path) -> dict[str, Any] | None:
    """The last question of a log, when no answer to it was written: what a client that comes back has to ask again."""
    last = None
    for line in lines(path) if path.exists() else ():
        if line["said"] == "invoke":
            last = line
        elif line["said"] != "doubt":
            last = None
    return last
