"""Newline-delimited JSON: one line per message, appended to a file or written to a stream."""

from __future__ import annotations

import json
import os
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from .cloudevents import Envelope

try:
    import fcntl
except ImportError:  # not on Windows: there, one relay per file
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from .message import Message

__all__ = ["Lines"]

CHUNK = 65_536


class Lines:
    """Writes messages as lines of JSON; what a Relay delivers to. Nothing counts as delivered before `flush`.

    To a path, whole lines are appended and forced to the disk, under a lock of the file's, so that several relays may
    write to one; half a line that a power cut has left at the end is removed, for its message comes again. The file is
    opened for each flush, so that it may be moved away. To a stream (text or binary), lines are written and flushed.
    """

    def __init__(
        self, to: str | os.PathLike[str] | IO[Any], *, envelope: Callable[[Message], Mapping[str, Any]] | None = None
    ) -> None:
        self._path = Path(to) if isinstance(to, str | os.PathLike) else None
        self._stream: Any = None if self._path else to
        self._envelope = envelope or Envelope()
        self._lines: list[str] = []
        self._lock = threading.Lock()

    def __call__(self, message: Message) -> None:
        """Take a message; it is written with the next flush."""
        line = json.dumps(self._envelope(message), separators=(",", ":"), allow_nan=False) + "\n"
        with self._lock:
            self._lines.append(line)

    def flush(self) -> None:
        """Write what was taken, all or nothing; raises OSError, and has forgotten it then."""
        with self._lock:
            text, self._lines = "".join(self._lines), []
        if not text:
            return
        if self._path is None:
            self._write_stream(text)
        else:
            _append(self._path, text.encode())

    def _write_stream(self, text: str) -> None:
        try:
            self._stream.write(text)
        except TypeError:
            self._stream.write(text.encode())
        self._stream.flush()


def _append(path: Path, data: bytes) -> None:
    is_new = not path.exists()
    with _opened(path) as file:
        end = _whole(file)
        try:
            _write(file, data)
            os.fsync(file)
        except OSError:
            with suppress(OSError):
                os.ftruncate(file, end)
            raise
    if is_new:
        _keep_name(path.parent)


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    """The file, for us alone until the block ends."""
    file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX)
        yield file
    finally:
        os.close(file)


def _whole(file: int) -> int:
    """Cut off what is behind the last end of a line; the length of the file then."""
    size = os.fstat(file).st_size
    end = size
    while end:
        begin = max(0, end - CHUNK)
        os.lseek(file, begin, os.SEEK_SET)
        found = os.read(file, end - begin).rfind(b"\n")
        if found >= 0:
            end = begin + found + 1
            break
        end = begin
    if end < size:
        os.ftruncate(file, end)
    return end


def _write(file: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]


def _keep_name(folder: Path) -> None:
    """Force the name of a new file to the disk as well, where a folder can be opened."""
    with suppress(OSError):
        file = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(file)
        finally:
            os.close(file)
