"""`python -m orderfsm.docs [ROOT]`: write the generated pages of a checkout and name those that changed."""

from __future__ import annotations

import sys
from pathlib import Path

from . import write


def main() -> None:
    """Write the pages of the checkout that is named, else of the working directory."""
    root = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    if not (root / "README.md").exists():
        sys.exit(f"{root.resolve()} is no checkout: it has no README.md; name one: python -m orderfsm.docs ROOT")
    for name in write(root):
        sys.stdout.write(f"{name}\n")


if __name__ == "__main__":
    main()
