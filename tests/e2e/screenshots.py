"""Takes the pictures of the page that docs/http.md shows. Not a test.

    $ PLAYLOAD=build/release/playload python3 tests/e2e/screenshots.py
"""

import contextlib
import datetime
import pathlib
import subprocess
import time

from browser import Browser
from http_server import PlayloadServer

DOCS = pathlib.Path(__file__).resolve().parent.parent.parent / "docs"
SECONDS = 125  # until the curve has its whole width
READERS = (
    ("curl/7.88.1", "type=purchase"),
    ("fluvio/http-source 0.5.0", "type=player"),
    ("python-httpx/0.28.1", "format=json"),
)


def main() -> None:
    now = datetime.datetime.now(datetime.timezone.utc)
    start = (now - datetime.timedelta(minutes=10)).strftime("%Y-%m-%dT%H:%M:%SZ")
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(
            PlayloadServer("--seed", 7, "--rate", "1k", "--start", start)
        )
        for agent, query in READERS:
            url = f"{server.url}/stream_events?after=0&{query}"
            command = ["curl", "-sN", "-A", agent, "-o", "/dev/null", url]
            stack.callback(subprocess.Popen(command, stdin=subprocess.DEVNULL).kill)
        browsers = {
            name: stack.enter_context(Browser(1200, 1044, dark=name == "dark"))
            for name in ("light", "dark")
        }
        for browser in browsers.values():
            browser.open(server.url + "/")
        time.sleep(SECONDS)
        for name, browser in browsers.items():
            (DOCS / f"http-page-{name}.png").write_bytes(browser.screenshot())


if __name__ == "__main__":
    main()
