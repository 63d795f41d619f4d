"""`python -m orderfsm.docs [ROOT]`: write the generated pages of a checkout and name those that changed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from . import write


def main(arguments: Sequence[str]) -> None:
    """Write the pages of the checkout that is named, else of the working directory."""
    root = Path(arguments[0] if arguments else ".")
    if not (root / "README.md").exists():
        sys.exit(f"{root.resolve()} is no checkout: it has no README.md; name one: python -m orderfsm.docs ROOT")
    for name in write(root):
        sys.stdout.write(f"{name}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
