"""Reads a stream with the EventSource of a headless Chromium, in a page of another origin.

Usage: browser_stream.py PAGE_PORT URL LOG [AFTER]

Serves the page on 127.0.0.1:PAGE_PORT, an origin that the server must name, and drives Chromium
through chromedriver. Appends {"seq":7,"data":"..."} to LOG for each event, seq being its
lastEventId, or {"gap":"..."}, {"bad":"..."}. The page makes one EventSource and lets it come back
by itself; only when the browser has given it up for good, as it does where an answer is cut within
its head, does the page make another one, with `after=` in its URL, and {"reopened":1} is logged.
AFTER is where the first one begins; it replaces an `after=` of the URL.

Needs tests/e2e in its path.
"""

import http.server
import json
import sys
import threading
import time
import urllib.parse

from browser import Browser

POLL_SECONDS = 0.1

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


def with_position(url: str, after: str) -> str:
    parts = urllib.parse.urlsplit(url)
    pairs = [pair for pair in urllib.parse.parse_qsl(parts.query) if pair[0] != "after"]
    return parts._replace(query=urllib.parse.urlencode([*pairs, ("after", after)])).geturl()


def main() -> None:
    port, url, log_path = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    if len(sys.argv) > 4:
        url = with_position(url, sys.argv[4])
    page = http.server.ThreadingHTTPServer(("127.0.0.1", port), Page)
    threading.Thread(target=page.serve_forever, daemon=True).start()
    with Browser() as browser, open(log_path, "ab", buffering=0) as log:
        browser.open(f"http://127.0.0.1:{port}/")
        browser.script("open(arguments[0])", url)
        while True:
            rows = browser.script("return takeRows()")
            log.write(b"".join(json.dumps(row).encode() + b"\n" for row in rows))
            time.sleep(POLL_SECONDS)


if __name__ == "__main__":
    main()
