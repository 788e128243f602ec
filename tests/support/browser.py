"""A headless Chromium that a test drives: its DevTools protocol over two pipes, so that no driver is needed."""

from __future__ import annotations

import base64
import fcntl
import itertools
import json
import os
import select
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
_PATIENCE = 60.0
_FLAGS = (
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--no-first-run",
    "--ignore-certificate-errors",
    "--hide-scrollbars",
)


def found() -> str | None:
    """The Chromium on the PATH; None if there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Page:
    """A tab, and what it has said and asked for since it was opened."""

    def __init__(self, to: int, back: int) -> None:
        self._to, self._back = to, back
        self._numbers = itertools.count(1)
        self._rest = b""
        self._session: str | None = None
        self.errors: list[str] = []
        self.asked: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> Any:
        """One command of the protocol."""
        number = next(self._numbers)
        message: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        for answer in self._messages():
            if answer.get("id") == number:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]
        raise AssertionError(f"{method} is not answered")

    def _messages(self) -> Iterator[dict[str, Any]]:
        until = time.monotonic() + _PATIENCE
        while (left := until - time.monotonic()) > 0:
            whole, end, rest = self._rest.partition(b"\0")
            if end:
                self._rest = rest
                message = json.loads(whole)
                self._note(message)
                yield message
            elif select.select([self._back], [], [], left)[0]:
                self._rest += os.read(self._back, 1 << 20)

    def _note(self, message: dict[str, Any]) -> None:
        given = message.get("params") or {}
        match message.get("method"):
            case "Runtime.exceptionThrown":
                self.errors.append(str(given["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if given["type"] in ("error", "warning", "assert"):
                self.errors.append(str(given["args"]))
            case "Log.entryAdded" if given["entry"]["level"] in ("error", "warning"):
                self.errors.append(str(given["entry"]))
            case "Network.requestWillBeSent":
                self.asked.append(given["request"]["url"])

    def ask(self, script: str) -> Any:
        """The value of an expression; of what a promise holds."""
        found = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def until(self, script: str, seconds: float = 30.0) -> Any:
        """The value of an expression once it is true.

        Raises:
            AssertionError: it does not become so.
        """
        end = time.monotonic() + seconds
        while not (value := self.ask(script)):
            assert time.monotonic() < end, f"{script} does not become true"
            time.sleep(0.1)
        return value

    def press(self, key: str) -> None:
        """Press and release a key; what has the focus gets it."""
        text = {"Enter": "\r"}.get(key, "")
        codes = {"windowsVirtualKeyCode": {"Enter": 13, "Tab": 9}.get(key, 0), "key": key, "code": key}
        self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **codes)
        self.call("Input.dispatchKeyEvent", type="keyUp", **codes)

    def shape(self, *, width: int, height: int, scheme: str) -> None:
        """How large the window is, in CSS pixels, and whether the reader likes it ``dark`` or ``light``."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def picture(self, path: Path) -> None:
        """What a reader sees, as PNG."""
        taken = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(taken["data"]))


@contextmanager
def opened(program: str, folder: Path) -> Iterator[Page]:
    """A tab of a browser that ends with the block.

    Args:
        program: the Chromium.
        folder: for its profile.
    """
    from_us, to_it = os.pipe()
    from_it, to_us = os.pipe()
    high = [fcntl.fcntl(each, fcntl.F_DUPFD, 20) for each in (from_us, to_us)]
    arguments = [program, *_FLAGS, f"--user-data-dir={folder}", "about:blank"]
    with (folder / "log").open("wb") as log:
        process = os.posix_spawn(
            program,
            arguments,
            os.environ,
            setpgroup=0,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, high[0], 3),
                (os.POSIX_SPAWN_DUP2, high[1], 4),
                (os.POSIX_SPAWN_DUP2, log.fileno(), 1),
                (os.POSIX_SPAWN_DUP2, log.fileno(), 2),
            ],
        )
    for each in (*high, from_us, to_us):
        os.close(each)
    try:
        yield Page(to_it, from_it)
    finally:
        os.killpg(process, signal.SIGKILL)
        os.waitpid(process, 0)
        os.close(to_it)
        os.close(from_it)
