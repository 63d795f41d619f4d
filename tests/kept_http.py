"""A real server in a thread, for tests of what is spoken over HTTP."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import uvicorn


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
        thread.join(10)


@contextmanager
def client(app: Any, **options: Any) -> Iterator[httpx.Client]:
    """A client of an app, over a real socket; `options` are httpx's."""
    with serving(app) as url, httpx.Client(base_url=url, **options) as made:
        yield made
