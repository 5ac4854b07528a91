"""A headless Chromium for the pages' tests, driven by its own DevTools protocol: no driver to install beside it."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
from websockets.sync.client import ClientConnection, connect

# Without the background flags it looks for Google's hosts all the time.
FLAGS: Final = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--remote-debugging-port=0"),
)
START_SECONDS: Final = 60.0


class Page:
    """One tab. Coordinates are CSS pixels of the window."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._number = 0
        self._events: list[dict[str, Any]] = []
        for domain in ("Page", "Runtime"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        self._connection.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._connection.recv(timeout=30))
            if message.get("id") == self._number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                return dict(message["result"])
            self._events.append(message)

    def wait(self, event: str) -> dict[str, Any]:
        """The parameters of the next event of that name since the last one that was waited for."""
        while True:
            while self._events:
                message = self._events.pop(0)
                if message.get("method") == event:
                    return dict(message["params"])
            self._events.append(json.loads(self._connection.recv(timeout=30)))

    def go(self, url: str, *, width: int = 1280, height: int = 1000) -> None:
        phone = width < 700
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone)
        self._events.clear()
        self.send("Page.navigate", url=url)
        self.wait("Page.loadEventFired")

    def evaluate(self, script: str) -> Any:
        answer = self.send("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{script}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def place(self, selector: str) -> dict[str, float]:
        """The middle of an element."""
        box = f"document.querySelector({json.dumps(selector)}).getBoundingClientRect()"
        x, y = self.evaluate(f"(() => {{ const b = {box}; return [b.x + b.width / 2, b.y + b.height / 2]; }})()")
        return {"x": x, "y": y}

    def drag(self, source: str, target: str) -> None:
        """A drag and drop with the mouse from one element to another one."""
        start, end = self.place(source), self.place(target)
        self.send("Input.setInterceptDrags", enabled=True)
        pressed: dict[str, Any] = {"button": "left", "buttons": 1, "clickCount": 1}
        self.send("Input.dispatchMouseEvent", type="mousePressed", **start, **pressed)
        for step in (8, 16):
            there = {"x": start["x"] + step, "y": start["y"] + step}
            self.send("Input.dispatchMouseEvent", type="mouseMoved", **there, **pressed)
        data = self.wait("Input.dragIntercepted")["data"]
        for kind in ("dragEnter", "dragOver", "drop"):
            self.send("Input.dispatchDragEvent", type=kind, **end, data=data)
        self.send("Input.dispatchMouseEvent", type="mouseReleased", **end, button="left", clickCount=1)

    def press(self, key: str, text: str = "") -> None:
        """One key, e.g. Tab, or Enter with its text."""
        code = {"Tab": 9, "Enter": 13, "ArrowDown": 40}[key]
        told = {"key": key, "code": key, "windowsVirtualKeyCode": code, **({"text": text} if text else {})}
        self.send("Input.dispatchKeyEvent", type="keyDown", **told)
        self.send("Input.dispatchKeyEvent", type="keyUp", **told)

    def screenshot(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self.send("Page.captureScreenshot")["data"]))


@contextmanager
def chromium(profile: Path) -> Iterator[Page]:
    """A browser with an empty profile in that directory."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        raise RuntimeError("Chromium is not installed; these tests need Debian's package chromium, or chromium-browser")
    command = [program, *FLAGS, f"--user-data-dir={profile}", "about:blank"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        port_file, deadline = profile / "DevToolsActivePort", time.monotonic() + START_SECONDS
        while not port_file.exists() or not port_file.read_text().strip():
            if time.monotonic() > deadline or process.poll() is not None:
                raise RuntimeError(f"{program} did not open its DevTools port (exit code {process.poll()})")
            time.sleep(0.05)
        port = port_file.read_text().split()[0]
        [tab] = [tab for tab in httpx.get(f"http://127.0.0.1:{port}/json").json() if tab["type"] == "page"]
        with connect(tab["webSocketDebuggerUrl"], max_size=None) as connection:
            yield Page(connection)
    finally:
        process.terminate()
        process.wait(timeout=30)
