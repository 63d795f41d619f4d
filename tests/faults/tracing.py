"""A disk that does not take what it is asked to keep: strace lets fsync and fdatasync of a process fail with EIO."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

__all__ = ["failing_fsync"]


@contextmanager
def failing_fsync(processes: Iterable[int], when: str) -> Iterator[Callable[[], int]]:
    """During the block these calls of the processes fail, counted for each apart; a function that says how many have.

    `when` is strace's: `1+` is every call, `3+5` the third and every fifth after it. Skips the test where nobody may
    be traced.
    """
    if shutil.which("strace") is None:
        pytest.skip("there is no strace")
    calls = "fsync,fdatasync"
    asked = ["strace", "-f", "-e", f"trace={calls}", "-e", f"inject={calls}:error=EIO:when={when}"]
    with tempfile.TemporaryDirectory(prefix="ofsm-") as folder:
        said, notes = Path(folder) / "said", Path(folder) / "notes"
        attached = [part for process in processes for part in ("-p", str(process))]
        with notes.open("wb") as file:
            tracer = subprocess.Popen([*asked, "-o", str(said), *attached], stderr=file)
        try:
            _wait(tracer, notes, len(attached) // 2)
            yield lambda: said.read_text().count("INJECTED")
        finally:
            tracer.terminate()
            tracer.wait(120)


def _wait(tracer: subprocess.Popen[bytes], notes: Path, processes: int) -> None:
    end = time.monotonic() + 120
    while notes.read_text().count(" attached") < processes:
        if tracer.poll() is not None or time.monotonic() > end:
            pytest.skip(f"this machine lets nobody be traced: {notes.read_text()}")
        time.sleep(0.01)
