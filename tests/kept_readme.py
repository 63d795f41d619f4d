"""Walks through a README: its `console` blocks are run as they stand, and what they print is compared.

`uvicorn` is a server that goes on until the walk ends, on a free port instead of the one that is named; `curl` is done
by httpx; `sleep` lets the answer after it be asked for again until it fits; everything else is a command that ends.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from test_docs_examples import alike, blocks

PATIENCE = 60.0
"""How many seconds a server has to begin, and an answer after a `sleep` to become what is expected."""


class Server:
    """A `uvicorn` in a folder; its URL is known when it is made."""

    def __init__(self, folder: Path, arguments: list[str], env: dict[str, str]) -> None:
        self._log = (folder / f"{arguments[0]}.log").open("w+")
        command = [sys.executable, "-m", "uvicorn", *arguments, "--port", "0"]
        self._process = subprocess.Popen(command, cwd=folder, env=environment(env), stderr=self._log)
        self.url = self._begun(Path(self._log.name))

    def _begun(self, log: Path) -> str:
        deadline = time.monotonic() + PATIENCE
        while (found := re.search(r"running on (http://\S+)", log.read_text())) is None:
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(log.read_text())
            time.sleep(0.02)
        return found[1]

    def stop(self) -> str:
        """End it as an operator does, and give what it has logged."""
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(PATIENCE)
        self._log.close()
        return Path(self._log.name).read_text()

    def kill(self) -> None:
        """End it as a power cut does."""
        self._process.kill()
        self._process.wait()
        self._log.close()


@contextmanager
def server(folder: Path, *arguments: str, **env: str) -> Iterator[Server]:
    """A server that is gone after the block."""
    made = Server(folder, list(arguments), env)
    try:
        yield made
    finally:
        made.kill()


def environment(env: dict[str, str]) -> dict[str, str]:
    return {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **env}


class Walk:
    """A README in a copy of its folder: what runs, and what has been said so far."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self.folder, self.env = folder, env
        self.servers: dict[str, Server] = {}  # by the address that the README names
        self.commands = 0
        self.client = httpx.Client(timeout=PATIENCE)

    def along(self) -> None:
        """Run every command; raises AssertionError for one that prints something else."""
        readme = self.folder / "README.md"
        for block in blocks(readme.read_text(encoding="utf-8")):
            if block.kind == "console":
                waits = False
                for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
                    command, _, expected = part.partition("\n")
                    waits = self._step(f"{readme}:{block.line}", shlex.split(command), expected, patient=waits)

    def _step(self, place: str, words: list[str], expected: str, *, patient: bool) -> bool:
        """Run a command; whether the next one may have to wait for its answer."""
        self.commands += 1
        env = dict(word.split("=", 1) for word in words if re.match(r"[A-Z_]+=", word))
        program, *arguments = words[len(env) :]
        if program == "sleep":
            return True
        if program == "uvicorn":
            self._serve(arguments, env)
            return False
        deadline = time.monotonic() + (PATIENCE if patient else 0)
        while not alike(printed := self._run(program, arguments, env), expected):
            assert time.monotonic() < deadline, f"{place}: {shlex.join(words)} printed\n{printed}"
            time.sleep(0.1)
        return False

    def _serve(self, arguments: list[str], env: dict[str, str]) -> None:
        asked = argparse.ArgumentParser()
        asked.add_argument("app")
        asked.add_argument("--port")
        named = asked.parse_args(arguments)
        given = {name: self._real(value) for name, value in env.items()}
        self.servers[f"http://localhost:{named.port}"] = Server(self.folder, [named.app], self.env | given)

    def _run(self, program: str, arguments: list[str], env: dict[str, str]) -> str:
        if program == "curl":
            return self._asked(arguments)
        if program == "cat":
            return (self.folder / arguments[0]).read_text(encoding="utf-8")
        command = [sys.executable] if program == "python" else [sys.executable, "-m", program]
        ran = subprocess.run(
            [*command, *arguments],
            cwd=self.folder,
            env=environment(self.env | env),
            capture_output=True,
            text=True,
            check=False,
        )
        return ran.stdout if ran.returncode < 2 else ran.stderr

    def _asked(self, arguments: list[str]) -> str:
        """What curl would print."""
        curl = argparse.ArgumentParser()
        curl.add_argument("url")
        curl.add_argument("-X", dest="method")
        curl.add_argument("-H", dest="headers", action="append", default=[])
        curl.add_argument("--json")
        asked = curl.parse_args(arguments)
        answer = self.client.request(
            asked.method or ("POST" if asked.json else "GET"),
            self._real(asked.url),
            headers=dict(header.split(": ", 1) for header in asked.headers),
            json=json.loads(asked.json) if asked.json else None,
        )
        return answer.text

    def _real(self, text: str) -> str:
        """A text with the addresses of the README replaced by those where its servers are."""
        for named, made in self.servers.items():
            text = text.replace(named, made.url)
        return text


@contextmanager
def walked(folder: Path, **env: str) -> Iterator[Walk]:
    """A walk along the README of a folder; its servers go on until the block ends."""
    walk = Walk(folder, env)
    try:
        walk.along()
        yield walk
    finally:
        walk.client.close()
        for made in walk.servers.values():
            made.kill()
