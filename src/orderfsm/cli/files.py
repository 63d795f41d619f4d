"""Files that a command writes: whole, or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from .answer import Misused

__all__ = ["target_of", "write"]


def write(path: Path, content: bytes) -> None:
    """Write a file in one go: who reads it sees the former content or the new one, never a part, whatever happens.

    A symbolic link is followed; what is no regular file, such as a pipe, is written to. Other names of the file (hard
    links) keep the former content: that it is never seen in part takes a new file under this name. Raises Misused as
    `target_of` does, OSError when it cannot be written.
    """
    target = target_of(path)
    if target.exists() and not target.is_file():
        target.write_bytes(content)
    else:
        _replace(target, content)


def target_of(path: Path) -> Path:
    """The file that is written, symbolic links followed.

    Raises Misused when no file can have the name, when its folder does not exist, or when it is there and read-only: a
    new file would take its place all the same, for that the folder alone is asked.
    """
    if "\0" in str(path):
        raise Misused(f"no file is called {path}; name another one")
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        raise Misused(f"there is no folder {path.parent}; make it first, or name another file")
    if target.exists() and not (target.stat().st_mode & 0o222 and os.access(target, os.W_OK)):
        raise Misused(f"{path} is read-only; make it writable (chmod u+w), or name another file")
    return target


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
