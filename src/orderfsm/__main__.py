"""`python -m orderfsm` is `orderfsm`."""

from __future__ import annotations

from orderfsm.cli import main

if __name__ == "__main__":
    main()
