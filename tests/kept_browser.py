"""A headless Chromium, driven by the DevTools protocol over a pair of pipes: no driver and no package is needed."""

import base64
import itertools
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

FOUND = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PATIENCE = 60.0
"""Seconds that the browser has for anything."""


class Browser:
    """A browser without a profile, and the one tab that it shows."""

    def __init__(self, process: subprocess.Popen[bytes], into: int, out: int) -> None:
        self._process, self._into, self._out = process, into, out
        self._numbers = itertools.count(1)
        self._rest = b""
        self.told: list[dict[str, Any]] = []
        self._tab: str | None = None
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._tab = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "Accessibility"):
            self.ask(f"{domain}.enable")

    # --- the protocol

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and wait for its result."""
        number = next(self._numbers)
        message: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        if self._tab:
            message["sessionId"] = self._tab
        os.write(self._into, json.dumps(message).encode() + b"\0")
        while True:
            heard = self._hear()
            if heard.get("id") == number:
                if "error" in heard:
                    raise RuntimeError(f"{method}: {heard['error']}")
                return heard["result"]  # type: ignore[no-any-return]
            self.told.append(heard)

    def _hear(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            if not select.select([self._out], [], [], PATIENCE)[0]:
                raise TimeoutError("the browser says nothing")
            piece = os.read(self._out, 1 << 20)
            if not piece:
                raise RuntimeError("the browser has ended")
            self._rest += piece
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)  # type: ignore[no-any-return]

    # --- looking

    def open(self, url: str) -> None:
        """Go to a page and wait until it is there, pictures and all."""
        self.leave()
        self.ask("Page.navigate", url=url)
        self.arrive()

    def leave(self) -> None:
        """Mark the page that is shown, so that `arrive` knows the next one."""
        self.run("window.seenBefore = true")

    def arrive(self) -> None:
        """Wait for the page that comes after `leave`."""
        self.wait("window.seenBefore === undefined && document.readyState === 'complete'")

    def wait(self, condition: str) -> None:
        """Wait until a condition holds; while a page changes, nothing can be asked of it."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            try:
                if self.run(condition):
                    return
            except RuntimeError:
                pass
            time.sleep(0.02)
        raise TimeoutError(f"{condition} does not come true at {self.run('location.href')}")

    def run(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page; the page's own policy does not bind the debugger."""
        found = self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in found:
            raise RuntimeError(str(found["exceptionDetails"]))
        return found["result"].get("value")

    def look(self, width: int = 1280, height: int = 900, scheme: str = "light") -> None:
        """Show pages in this size and colour scheme."""
        self.ask(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def picture(self) -> bytes:
        """The whole page as a PNG."""
        found = self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        return base64.b64decode(found["data"])

    # --- doing

    def press(self, key: str, *, code: int = 0, text: str = "") -> None:
        """Press a key and let it go."""
        given = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        self.ask("Input.dispatchKeyEvent", type="keyDown", **given, **({"text": text} if text else {}))
        self.ask("Input.dispatchKeyEvent", type="keyUp", **given)

    def tab(self) -> None:
        """Go on to what comes next by keyboard."""
        self.press("Tab", code=9)

    def enter(self) -> None:
        """Press Enter."""
        self.press("Enter", code=13, text="\r")

    def type(self, text: str) -> None:
        """Type a text where the focus is."""
        self.ask("Input.insertText", text=text)

    def click(self, selector: str, *, times: int = 1) -> None:
        """Click in the middle of an element, once or in quick succession."""
        where = f"document.querySelector({json.dumps(selector)})"
        self.run(f"{where}.scrollIntoView({{block: 'center'}})")
        spot = self.run(f"(b => [b.x + b.width / 2, b.y + b.height / 2])({where}.getBoundingClientRect())")
        for count in range(1, times + 1):
            for kind in ("mousePressed", "mouseReleased"):
                self.ask("Input.dispatchMouseEvent", type=kind, x=spot[0], y=spot[1], button="left", clickCount=count)


@contextmanager
def browser() -> Iterator[Browser]:
    """A Chromium that lives as long as the block; it speaks through file descriptors 3 and 4."""
    assert FOUND is not None
    read, into = os.pipe()
    out, write = os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        options = [
            *("--headless=new", "--remote-debugging-pipe", "--no-first-run", "--disable-gpu", "--hide-scrollbars"),
            *("--disable-background-networking", "--disable-dev-shm-usage", f"--user-data-dir={home}"),
            "--no-sandbox",  # it needs rights that containers do not give, and the pages are our own
        ]
        shell = f'exec "$0" "$@" 3<&{read} 4>&{write}'
        process = subprocess.Popen(
            ["/bin/bash", "-c", shell, FOUND, *options],
            pass_fds=(read, write),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "HOME": home},
        )
        os.close(read)
        os.close(write)
        try:
            made = Browser(process, into, out)
            yield made
            made._tab = None
            made.ask("Browser.close")
        finally:
            os.close(into)
            os.close(out)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def save(picture: bytes, name: str) -> None:
    """Keep a screenshot where ORDERFSM_SCREENSHOTS says, if it says anything."""
    folder = os.environ.get("ORDERFSM_SCREENSHOTS")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        (Path(folder) / f"{name}.png").write_bytes(picture)
