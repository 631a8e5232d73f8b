"""Reads a stream with the EventSource of a headless Chromium, in a page of another origin.

Usage: browser_stream.py PAGE_PORT URL LOG [AFTER]

Serves the page on 127.0.0.1:PAGE_PORT, an origin that the server must name, and drives Chromium
through chromedriver. Appends {"seq":7,"data":"..."} to LOG for each event, seq being its
lastEventId, or {"gap":"..."}, {"bad":"..."}. The page makes one EventSource and lets it come back
by itself; only when the browser has given it up for good, as it does where an answer is cut within
its head, does the page make another one, with `after=` in its URL, and {"reopened":1} is logged.
AFTER is where the first one begins; it replaces an `after=` of the URL.

Everything it starts stays in its process group and writes into LOG's folder. When it is killed
alone, chromedriver is told, and ends the browser.
"""

import ctypes
import http.server
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

START_SECONDS = 60
POLL_SECONDS = 0.1
CALL_SECONDS = 60

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)

PAGE = """<!doctype html>
<meta charset="ascii">
<title>A page that reads a stream</title>
<script>
'use strict'
let rows = []
let last = null
let source = null

function take(event) {
  last = event.lastEventId
  rows.push({seq: Number(last), data: event.data})
}

function open(url) {
  source = new EventSource(url)
  source.onmessage = take
  for (const kind of ['player', 'purchase', 'server']) source.addEventListener(kind, take)
  source.addEventListener('gap', (event) => rows.push({gap: event.data}))
  source.onerror = () => {
    if (source.readyState !== EventSource.CLOSED) return
    const next = new URL(url)
    if (last !== null) next.searchParams.set('after', last)
    rows.push({reopened: 1})
    setTimeout(() => open(next.href), 200)
  }
}

function takeRows() {
  const taken = rows
  rows = []
  return taken
}
</script>
"""


def end_with_us() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        found = self.path == "/"
        body = PAGE.encode() if found else b""
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class Browser:
    """One session of headless Chromium, over WebDriver's JSON."""

    def __init__(self, folder: pathlib.Path):
        log = folder / "chromedriver.log"
        with open(log, "wb") as out:
            subprocess.Popen(
                ["chromedriver", "--port=0"],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=dict(os.environ, TMPDIR=str(folder)),
                preexec_fn=end_with_us,
            )
        started = re.compile(rb"started successfully on port (\d+)")
        until = time.monotonic() + START_SECONDS
        while not (found := started.search(log.read_bytes())):
            if time.monotonic() > until:
                raise RuntimeError(f"chromedriver does not start: {log.read_bytes()[-2000:]!r}")
            time.sleep(0.02)
        self._base = f"http://127.0.0.1:{int(found[1])}"
        # The sandbox is no part of what is tested, and root has none; /dev/shm may be small.
        arguments = ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        arguments += ["--no-first-run", "--no-proxy-server", "--disable-breakpad"]
        arguments += [f"--user-data-dir={folder}/profile"]
        options = {"goog:chromeOptions": {"args": arguments}}
        session = self._call("/session", {"capabilities": {"alwaysMatch": options}})
        self._base += f"/session/{session['sessionId']}"

    def go(self, url: str) -> None:
        self._call("/url", {"url": url})

    def run(self, script: str, *arguments: object):
        return self._call("/execute/sync", {"script": script, "args": list(arguments)})

    def _call(self, path: str, body: dict):
        request = urllib.request.Request(
            self._base + path,
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=CALL_SECONDS) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{path}: {error.read()[:2000]!r}") from None


def with_position(url: str, after: str) -> str:
    parts = urllib.parse.urlsplit(url)
    pairs = [pair for pair in urllib.parse.parse_qsl(parts.query) if pair[0] != "after"]
    return parts._replace(query=urllib.parse.urlencode([*pairs, ("after", after)])).geturl()


def main() -> None:
    port, url, log_path = int(sys.argv[1]), sys.argv[2], pathlib.Path(sys.argv[3])
    if len(sys.argv) > 4:
        url = with_position(url, sys.argv[4])
    page = http.server.ThreadingHTTPServer(("127.0.0.1", port), Page)
    threading.Thread(target=page.serve_forever, daemon=True).start()
    folder = pathlib.Path(tempfile.mkdtemp(dir=log_path.parent, prefix="browser-"))
    browser = Browser(folder)
    browser.go(f"http://127.0.0.1:{port}/")
    browser.run("open(arguments[0])", url)
    with open(log_path, "ab", buffering=0) as log:
        while True:
            rows = browser.run("return takeRows()")
            log.write(b"".join(json.dumps(row).encode() + b"\n" for row in rows))
            time.sleep(POLL_SECONDS)


if __name__ == "__main__":
    main()
