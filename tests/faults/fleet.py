"""A fleet of clients under fire: they are killed and come back until enough was acknowledged."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from faults.workload import Plan

__all__ = ["Fleet", "fleet"]

TESTS = Path(__file__).parent.parent


class Fleet:
    """Clients of one plan, each with a slot and a log of its own. Use `fleet()`, which ends them."""

    def __init__(self, plan: Plan, process: subprocess.Popen[str], clients: int) -> None:
        self.plan, self.clients = plan, clients
        self.kills = 0
        self._process = process
        self._read: dict[Path, int] = {}
        self._count = 0
        self._drawn = random.Random()
        self._plans: dict[str, Plan] = {}
        for slot in range(clients):
            self.employ(str(slot), plan)

    def employ(self, slot: str, plan: Plan) -> None:
        """Start one more process, of the kind that the plan names."""
        self._plans[slot] = plan
        self.tell("start", slot, plan.as_dict())

    def tell(self, *command: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError("the nursery is gone; its error output says why")
        return json.loads(answer)

    @property
    def processes(self) -> list[int]:
        """The clients that are alive now."""
        return [child.pid for child in psutil.Process(self._process.pid).children()]

    @property
    def logs(self) -> list[Path]:
        return sorted(Path(self.plan.folder).glob("client-*.log"))

    @property
    def acknowledged(self) -> int:
        """How many transitions clients have been told are done."""
        for path in self.logs:
            with path.open("rb") as file:
                file.seek(self._read.get(path, 0))
                text = file.read()
            whole = text[: text.rfind(b"\n") + 1]
            self._count += sum(b'"said": "ok"' in line and b'"before": null' not in line for line in whole.splitlines())
            self._read[path] = self._read.get(path, 0) + len(whole)
        return self._count

    def until(self, acknowledged: int, *, seconds: float = 120) -> None:
        """Wait until so many are acknowledged; raises TimeoutError when none is for so long."""
        count, end = -1, 0.0
        while self.acknowledged < acknowledged:
            if self._count > count:
                count, end = self._count, time.monotonic() + seconds
            if time.monotonic() > end:
                raise TimeoutError(f"{count} of {acknowledged} are acknowledged, and none in the last {seconds} s")
            time.sleep(0.02)

    def waited(self, seen: Callable[[], object], *, seconds: float = 240) -> None:
        """Wait, while the clients go on, until something is seen; raises TimeoutError when it is not for so long."""
        end = time.monotonic() + seconds
        while not seen():
            if time.monotonic() > end:
                raise TimeoutError(f"nothing was seen in {seconds} s")
            time.sleep(0.02)

    def kill(self) -> None:
        """Kill one of all, at whatever it is doing, and start its successor."""
        slot = self._drawn.choice(tuple(self._plans))
        ended = self.tell("kill", slot)
        assert ended == -9, f"{slot} had ended by itself with {ended}"
        self.kills += 1
        self.employ(slot, self._plans[slot])

    def under_fire(self, kills: int, acknowledged: int) -> None:
        """Kill so many clients, spread over so many acknowledged transitions."""
        self.fire(self.kill, kills, acknowledged)

    def fire(self, fault: Callable[[], Any], times: int, acknowledged: int) -> None:
        """Let a fault happen so many times, spread over so many acknowledged transitions."""
        begun = self.acknowledged
        for number in range(1, times + 1):
            self.until(begun + number * acknowledged // (times + 1))
            time.sleep(self._drawn.uniform(0, 0.02))
            fault()
        self.until(begun + acknowledged)

    @contextmanager
    def halted(self) -> Iterator[None]:
        """No client does anything during the block."""
        os.killpg(self._process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(self._process.pid, signal.SIGCONT)

    def stop(self) -> None:
        """Let every client finish its call and end; raises when one fails."""
        ended = self.tell("stop")
        assert not any(ended), f"clients ended with {ended}"


@contextmanager
def fleet(plan: Plan, clients: int) -> Iterator[Fleet]:
    """A fleet at work; whatever is left of it is gone after the block."""
    environment = os.environ | {"PYTHONPATH": str(TESTS)}
    command = [sys.executable, "-m", "faults.nursery"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True, start_new_session=True
    ) as process:
        try:
            made = Fleet(plan, process, clients)
            yield made
            made.stop()
        finally:
            _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    """End the nursery and what it has started: they are a session of their own."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
