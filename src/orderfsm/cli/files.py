"""Files that a command writes: whole, or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from .answer import Misused

__all__ = ["write"]


def write(path: Path, content: bytes) -> None:
    """Write a file in one go: who reads it sees the former content or the new one, never a part, whatever happens.

    A symbolic link is followed; what is no regular file, such as a pipe, is written to. Raises Misused when the folder
    does not exist, OSError when it cannot be written.
    """
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        raise Misused(f"there is no folder {path.parent}; make it first, or name another file")
    if target.exists() and not target.is_file():
        target.write_bytes(content)
    else:
        _replace(target, content)


def _replace(target: Path, content: bytes) -> None:
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor, not a path
            file.write(content)
        Path(name).chmod(_mode(target))
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink()
        raise


def _mode(target: Path) -> int:
    """The permissions that a file has, or that a new one gets."""
    if target.exists():
        return target.stat().st_mode & 0o7777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
