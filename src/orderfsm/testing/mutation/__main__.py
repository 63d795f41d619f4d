"""A process of its own: `python -m orderfsm.testing.mutation FILE` does what it reads, and writes what came of it."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

if __name__ == "__main__":
    request = pickle.load(sys.stdin.buffer)  # noqa: S301 - of the process that has started this one
    Path(sys.argv[1]).write_bytes(pickle.dumps(request.run()))
