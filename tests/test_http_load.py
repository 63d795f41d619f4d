"""Sixty-four connections to the service at once: nothing fails, and its memory does not grow with its answers."""

import asyncio
import json
import os
import re
import time
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

from kept_http import service

ROUNDS = 30 if "ORDERFSM_SOAK" in os.environ else 1
"""How often each connection's order goes round in half of the time."""
CONNECTIONS = 64
GROWTH = 32
"""Megabytes that the second half of the time may add: caches fill in the first."""


class Client:
    """One connection that is kept; its own order goes round and round."""

    def __init__(self, url: str, token: str, tally: Counter[int], waits: list[float]) -> None:
        self.host = urlsplit(url)
        self.head = f"Host: {self.host.netloc}\r\nAuthorization: Bearer {token}\r\n"
        self.tally, self.waits = tally, waits

    async def run(self) -> None:
        self.reader, self.writer = await asyncio.open_connection(self.host.hostname, self.host.port)
        opened = await self.ask("POST", "/charts/stat/order/orders", {})
        here = f"/charts/stat/order/orders/{opened['location']}"
        for _ in range(ROUNDS):
            for event in ("hold", "resume"):
                await self.ask("POST", f"{here}/events", {"event": event})
                await self.ask("GET", here)
        self.writer.close()

    async def ask(self, method: str, path: str, body: object = None) -> dict[str, object]:
        sent = b"" if body is None else json.dumps(body).encode()
        kind = f"Content-Type: application/json\r\nContent-Length: {len(sent)}\r\n" if sent else ""
        began = time.perf_counter()
        self.writer.write(f"{method} {path} HTTP/1.1\r\n{self.head}{kind}\r\n".encode() + sent)
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode().lower()
        found = re.search(r"content-length: (\d+)", head)
        text = await self.reader.readexactly(int(found[1]) if found else 0)
        self.waits.append(time.perf_counter() - began)
        self.tally[int(head.split()[1])] += 1
        location = re.search(r"location: \S*/orders/(\S+)", head)
        return {"location": location[1] if location else "", **json.loads(text or "{}")}


def memory(process: int) -> float:
    """The megabytes that a process has."""
    status = Path(f"/proc/{process}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+)", status)
    assert found
    return int(found[1]) / 1024


def test_nothing_fails_and_memory_stays(tmp_path: Path) -> None:
    tally: Counter[int] = Counter()
    waits: list[float] = []
    with service(tmp_path) as (url, tokens):
        process = int((tmp_path / "pid").read_text())

        async def all_of_them() -> None:
            clients = [Client(url, tokens["demo-provider"], tally, waits) for _ in range(CONNECTIONS)]
            await asyncio.gather(*(client.run() for client in clients))

        asyncio.run(all_of_them())
        half = memory(process)
        asyncio.run(all_of_them())
        grown = memory(process) - half
    assert tally == {201: 2 * CONNECTIONS * (1 + 2 * ROUNDS), 200: 2 * CONNECTIONS * 2 * ROUNDS}
    assert grown < GROWTH
    waits.sort()
    late = waits[int(len(waits) * 0.99)] * 1e3
    print(f"{len(waits)} requests, 99 of 100 within {late:.0f} ms, {grown:.1f} MB more at the end")
