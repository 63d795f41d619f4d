"""File systems that a test may fill, write-protect and take the power from. They need root, and are unmounted after."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

__all__ = ["disk", "fill", "memory", "mounted", "read_only"]


def run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"{' '.join(command)}: {done.stderr.strip()}")


def mountable(*command: str) -> None:
    """Mount; skips the test where that is not allowed, as in most containers."""
    if os.geteuid() != 0:
        pytest.skip("mounting takes root")
    try:
        run("mount", *command)
    except (OSError, FileNotFoundError) as error:
        pytest.skip(f"this machine lets nobody mount: {error}")


def unmount(folder: Path) -> None:
    for _ in range(50):
        try:
            run("umount", str(folder))
        except OSError:
            time.sleep(0.1)  # somebody who was killed has not let go yet
        else:
            return
    run("umount", "--lazy", str(folder))


@contextmanager
def memory(folder: Path, size: str) -> Iterator[Path]:
    """A file system in memory with so much room."""
    folder.mkdir(parents=True, exist_ok=True)
    mountable("-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder))
    try:
        yield folder
    finally:
        unmount(folder)


def disk(image: Path, megabytes: int) -> None:
    """An image with an empty ext4, to be mounted with `mounted`."""
    if shutil.which("mkfs.ext4") is None:
        pytest.skip("there is no mkfs.ext4")
    with image.open("wb") as file:
        file.truncate(megabytes << 20)
    run("mkfs.ext4", "-q", "-F", str(image))


@contextmanager
def mounted(image: Path, folder: Path) -> Iterator[Path]:
    """The file system of an image, on a loop device."""
    folder.mkdir(parents=True, exist_ok=True)
    mountable("-o", "loop,commit=600", str(image), str(folder))
    try:
        yield folder
    finally:
        unmount(folder)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Nobody can write to a mounted file system during the block."""
    run("mount", "-o", "remount,ro", str(folder))
    try:
        yield
    finally:
        run("mount", "-o", "remount,rw", str(folder))


@contextmanager
def fill(folder: Path, leave: int = 0) -> Iterator[None]:
    """Fill a file system up to so many bytes; they are given back after the block."""
    path = folder / "ballast"
    with path.open("wb") as file:
        free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize - leave
        os.posix_fallocate(file.fileno(), 0, max(1, free))
    try:
        yield
    finally:
        path.unlink()
