"""A headless Chromium behind chromedriver, spoken to in WebDriver's own JSON.

    with Browser(width=360, height=780, dark=True) as browser:
        browser.open("http://127.0.0.1:8000/")
        browser.script("return document.title")
        browser.complaints()        # what stands in its console

Its profile is a folder of its own. Both programs end with the context, or with the thread that
started them.
"""

import base64
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

from http_server import end_with

TRIES = 5
START_SECONDS = 60
CALL_SECONDS = 90

ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--hide-scrollbars",
)


class Browser:
    def __init__(self, width: int = 1280, height: int = 900, dark: bool = False, scale: float = 1):
        self._width, self._height, self._dark, self._scale = width, height, dark, scale
        self._scratch = pathlib.Path(tempfile.mkdtemp(prefix="playload-browser-"))
        self._driver: subprocess.Popen | None = None
        self._base = ""
        self._session = ""

    def __enter__(self) -> "Browser":
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._session:
            with contextlib.suppress(OSError):
                self._call("DELETE", "")
        if self._driver is not None:
            # The browser is in the driver's group and session.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._driver.pid, signal.SIGKILL)
            self._driver.wait()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def _start(self) -> None:
        # It takes a free port of IPv6 and wants the same one of IPv4, which need not be free.
        for attempt in range(1, TRIES + 1):
            if port := self._start_driver(self._scratch / f"chromedriver-{attempt}.log"):
                break
            if attempt == TRIES:
                logs = "".join(log.read_text() for log in self._scratch.glob("*.log"))
                raise AssertionError(f"chromedriver did not start:\n{logs}")
        self._base = f"http://127.0.0.1:{port}/session"
        arguments = [
            *ARGUMENTS,
            f"--user-data-dir={self._scratch / 'profile'}",
            f"--window-size={self._width},{self._height}",
        ]
        options = {"args": arguments}
        if chromium := shutil.which("chromium"):
            options["binary"] = chromium
        wanted = {
            "browserName": "chrome",
            "acceptInsecureCerts": True,
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL"},
        }
        made = self._call("POST", "", {"capabilities": {"alwaysMatch": wanted}})
        self._session = "/" + made["sessionId"]
        scheme = "dark" if self._dark else "light"
        self.devtools(
            "Emulation.setEmulatedMedia",
            {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
        )
        # A window is never as narrow as a phone; the page's view can be.
        self.devtools(
            "Emulation.setDeviceMetricsOverride",
            {
                "width": self._width,
                "height": self._height,
                "deviceScaleFactor": self._scale,
                "mobile": self._width < 600,
            },
        )

    def _start_driver(self, log: pathlib.Path) -> int | None:
        """Its port; None: it ended."""
        with open(log, "wb") as output:
            self._driver = subprocess.Popen(
                ["chromedriver", "--port=0"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=end_with(os.getpid()),
            )
        until = time.monotonic() + START_SECONDS
        while self._driver.poll() is None and time.monotonic() < until:
            if found := re.search(r"started successfully on port (\d+)", log.read_text()):
                return int(found[1])
            time.sleep(0.05)
        return None

    def _call(self, method: str, path: str, body: object = None):
        request = urllib.request.Request(
            self._base + self._session + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=CALL_SECONDS) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.read().decode()[:2000]}") from error

    def open(self, url: str) -> None:
        self._call("POST", "/url", {"url": url})

    def script(self, text: str, *arguments: object):
        """Runs the body of a function in the page; its result."""
        return self._call("POST", "/execute/sync", {"script": text, "args": list(arguments)})

    def keys(self, text: str) -> None:
        """Types, to whatever has the focus. "\\ue004" is the tab key, "\\ue007" enter."""
        presses = [
            {"type": kind, "value": key} for key in text for kind in ("keyDown", "keyUp")
        ]
        actions = [{"type": "key", "id": "keyboard", "actions": presses}]
        self._call("POST", "/actions", {"actions": actions})

    def devtools(self, command: str, parameters: dict):
        """A command of the DevTools protocol."""
        return self._call(
            "POST", "/goog/cdp/execute", {"cmd": command, "params": parameters}
        )

    def complaints(self) -> list[str]:
        """What came to the console since it was last asked."""
        entries = self._call("POST", "/se/log", {"type": "browser"})
        return [f"{entry['level']}: {entry['message']}" for entry in entries]

    def screenshot(self) -> bytes:
        """PNG of the view."""
        return base64.b64decode(self.devtools("Page.captureScreenshot", {"format": "png"})["data"])

    def wait_for(self, condition: str, timeout: float = 30):
        """Waits until the function's body gives something true; that."""
        until = time.monotonic() + timeout
        while not (found := self.script(condition)):
            if time.monotonic() > until:
                text = self.script("return document.body.innerText")
                raise AssertionError(f"the page never came to: {condition}\n{text[:3000]}")
            time.sleep(0.1)
        return found
