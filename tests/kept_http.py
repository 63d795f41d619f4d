"""A real server in a thread, for tests of what is spoken over HTTP."""

import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI

TRUSTING_NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For clients that speak to our own servers, without TLS: httpx would read the machine's certificates for each."""

_FREE: defaultdict[Any, list[tuple[SimpleNamespace, FastAPI]]] = defaultdict(list)
"""Apps that no test has now, with what they ask for a test's own things."""


@contextmanager
def lent(build: Callable[..., FastAPI], *of: Any, **given: Any) -> Iterator[FastAPI]:
    """An app for a test and what it has `given`, for the block: building one takes longer than most tests do.

    It is one that `build(now, *of)` has made for an earlier test, if that is done with it. `build` is a function of a
    module; its app has to read what is given in `now` whenever it needs it, and to remember nothing.
    """
    free = _FREE[build, *of]
    if free:
        now, app = free.pop()
        vars(now).update(given)
    else:
        now = SimpleNamespace(**given)
        app = build(now, *of)
    yield app
    vars(now).clear()  # whoever still asks for something is told
    free.append((now, app))  # not after an error, when something may still be going on in it


@contextmanager
def reserved() -> Iterator[int]:
    """A port at which nobody listens until somebody who names it does; nobody is given it by chance."""
    with socket.socket() as kept:
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        kept.bind(("127.0.0.1", 0))
        yield kept.getsockname()[1]


@contextmanager
def serving(app: Any, **options: Any) -> Iterator[str]:
    """The URL of an app that is served as long as the block lasts."""
    config = uvicorn.Config(app, port=0, log_level="warning", lifespan="on", ws="none", **options)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        if not thread.is_alive():
            raise RuntimeError("the server has not started")
        time.sleep(0.005)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(60)


@contextmanager
def client(app: Any, **options: Any) -> Iterator[httpx.Client]:
    """A client of an app, over a real socket; `options` are httpx's."""
    with serving(app) as url, plain(**{"base_url": url} | options) as made:
        yield made


def plain(**options: Any) -> httpx.Client:
    """A client without TLS, which waits as long as a slow machine takes; `options` are httpx's."""
    return httpx.Client(**{"timeout": 60, "verify": TRUSTING_NOBODY} | options)


@contextmanager
def service(folder: Path, *options: str) -> Iterator[tuple[str, dict[str, str]]]:
    """The URL of `orderfsm serve --demo`, a process (`pid`) in a folder, and the tokens that it has printed."""
    command = [Path(sys.executable).with_name("orderfsm"), "serve", "--demo", "--port", "0", *options]
    log = (folder / "log").open("w+")
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=log, text=True)
    (folder / "pid").write_text(str(process.pid))
    try:
        url, deadline = None, time.monotonic() + 60
        while url is None:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((folder / "log").read_text())
            time.sleep(0.05)
            url = re.search(r"running on (http://127\.0\.0\.1:\d+)", (folder / "log").read_text())
        tokens = {}
        for _ in range(7):
            id, token, *_rest = (process.stdout.readline() if process.stdout else "").split()
            tokens[id] = token
        yield url[1], tokens
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
        log.close()
        if process.stdout:
            process.stdout.close()
