"""A process that has loaded everything and forks clients in a few milliseconds, kills them, and reaps them.

    python -m faults.nursery < commands > answers

It reads one JSON array per line: `["start", slot, plan]`, `["kill", slot]`, `["stop"]`. Because it alone reaps its
children, a number that it kills cannot meanwhile belong to somebody else.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import traceback
from typing import Any

from sqlalchemy.orm import configure_mappers

from faults import broken, workers, workload
from faults.workload import Client, Plan

__all__ = ["main"]


def main() -> None:
    children: dict[str, int] = {}
    configure_mappers()  # once for all
    gc.freeze()
    for line in sys.stdin:
        command, *arguments = json.loads(line)
        answer: Any = None
        if command == "start":
            slot, plan = arguments
            children[slot] = _fork(slot, plan)
        elif command == "kill":
            answer = _end(children.pop(arguments[0]), signal.SIGKILL)
        elif command == "stop":
            answer = [_end(child, signal.SIGTERM) for child in children.values()]
            children.clear()
        print(json.dumps(answer), flush=True)
    for child in children.values():  # whoever asked was killed, and nobody is to go on alone
        _end(child, signal.SIGKILL)


def _fork(slot: str, plan: dict[str, Any]) -> int:
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        _live(slot, Plan(**{**plan, "orders": tuple(plan["orders"])}))
        code = 0
    except BaseException:  # noqa: BLE001 - whatever it is, this process must not go on as its parent would
        traceback.print_exc()
    finally:
        os._exit(code)


def _live(slot: str, plan: Plan) -> None:
    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: stopped.append(number))
    kinds = (workload, workers, broken)
    kind: Any = next(getattr(module, plan.sender) for module in kinds if hasattr(module, plan.sender))
    if issubclass(kind, workers.Worker):
        kind(slot, plan, lambda: bool(stopped)).run()
    else:
        Client(slot, plan, kind(plan), lambda: bool(stopped)).run()


def _end(child: int, by: int) -> int:
    """How the child ended, after a signal: its exit code, or minus the signal."""
    os.kill(child, by)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    main()
