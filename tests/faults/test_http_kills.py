"""A server is killed with kill -9 while clients send: who sends again with the same key gets what was done, once."""

from __future__ import annotations

import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from faults.tier import by_tier, report
from kept_waiting import PATIENCE, wait_for

ROOT = Path(__file__).parent.parent.parent
CLIENTS = by_tier(4, 16)
KILLS = by_tier(4, 100, 1_000)
CUSTOMER, PROVIDER = ({"Authorization": f"Bearer {who}-token"} for who in ("forest", "sat"))


class Server:
    """The service of the examples, in a process of its own, which is killed and started again at the same port."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "server.log"
        self.reserved = socket.socket()  # bound and not listening: nobody else gets the port while the server is down
        self.reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.reserved.bind(("127.0.0.1", 0))
        self.port = self.reserved.getsockname()[1]
        self.process = self.start()

    def start(self) -> subprocess.Popen[bytes]:
        where = ["service:app", "--app-dir", str(ROOT / "examples"), "--port", str(self.port)]
        command = [sys.executable, "-m", "uvicorn", *where, "--no-access-log"]
        with self.log.open("ab") as log:
            process = subprocess.Popen(command, cwd=self.folder, stderr=log)
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                assert process.poll() is None, self.log.read_text()
                time.sleep(0.02)
            else:
                return process

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def close(self) -> None:
        self.kill()
        self.reserved.close()


@dataclass
class Client:
    """One order, held and resumed in turn; what is not answered is sent again, with its key unless `forgetful`."""

    url: str
    stop: threading.Event
    forgetful: bool = False
    path: str = ""
    answers: list[dict[str, Any]] = field(default_factory=list)
    surprises: list[str] = field(default_factory=list)
    replays: int = 0
    lost: int = 0

    def run(self) -> None:
        with httpx.Client(base_url=self.url, timeout=PATIENCE) as http:
            opened = self.insist(http, "/api/surveys", {"payload": {"area": "Harz"}}, CUSTOMER, "open")
            self.path = opened.headers["location"]
            self.insist(http, f"{self.path}/events", {"event": "accept"}, PROVIDER, "accept")
            number = 0
            while not self.stop.is_set():
                body = {"event": "resume"} if number % 2 else {"event": "hold", "reason": {"text": str(number)}}
                self.insist(http, f"{self.path}/events", body, PROVIDER, str(number))
                number += 1

    def insist(self, http: httpx.Client, path: str, body: Any, who: dict[str, str], key: str) -> httpx.Response:
        headers = who | ({} if self.forgetful else {"Idempotency-Key": f"{id(self)}-{key}"})
        while True:
            try:
                answer = http.post(path, json=body, headers=headers)
            except httpx.TransportError:
                self.lost += 1
                time.sleep(0.01)
                continue
            if answer.status_code != 201:
                self.surprises.append(answer.text)
                return answer
            self.replays += "Idempotent-Replayed" in answer.headers
            self.answers.append(answer.json()["entry"])
            return answer


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    server = Server(folder)
    try:
        yield server
    finally:
        server.close()


def under_fire(server: Server, kills: int, *, forgetful: bool = False) -> list[Client]:
    """The clients, after the server was killed so many times while they were sending."""
    stop = threading.Event()
    clients = [Client(f"http://127.0.0.1:{server.port}", stop, forgetful) for _ in range(CLIENTS)]
    threads = [threading.Thread(target=client.run, daemon=True) for client in clients]
    for thread in threads:
        thread.start()
    for _ in range(kills):
        wait_for_more(lambda: sum(len(client.answers) for client in clients), 2 * CLIENTS)
        time.sleep(random.uniform(0, 0.05))
        server.kill()
        wait_for_more(lambda: sum(client.lost for client in clients), 1)  # before there is somebody to connect to
        server.process = server.start()
    wait_for_more(lambda: sum(len(client.answers) for client in clients), 2 * CLIENTS)
    stop.set()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()
    return clients


def wait_for_more(count: Callable[[], int], number: int) -> None:
    """Wait until so many more are counted than now."""
    enough = count() + number
    wait_for(lambda: count() >= enough)


def history(server: Server, path: str) -> list[dict[str, Any]]:
    """All entries of an order, page by page."""
    found: list[dict[str, Any]] = []
    target = f"{path}/history?limit=100"
    with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", headers=PROVIDER, timeout=PATIENCE) as http:
        while target:
            answer = http.get(target)
            found += answer.json()["entries"]
            target = answer.links.get("next", {}).get("url", "")
    return found


def test_who_sends_again_with_a_key_gets_what_was_done_once(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        clients = under_fire(server, KILLS)
        for client in clients:
            assert client.surprises == []
            assert history(server, client.path) == client.answers
    assert sum(client.lost for client in clients) >= KILLS
    sent, replays = (sum(found) for found in ((len(c.answers) for c in clients), (c.replays for c in clients)))
    report("HTTP on sqlite", CLIENTS, KILLS, f"{sent} acknowledged, {replays} of them replays")


@pytest.mark.skipif(by_tier("short", "long") == "short", reason="it may take many kills until one hits: make soak")
def test_who_sends_again_without_a_key_is_surprised(tmp_path: Path) -> None:
    """The control: without keys some were done although their answers were lost."""
    with serving(tmp_path) as server:
        clients = under_fire(server, KILLS, forgetful=True)
    assert any(client.surprises for client in clients)
