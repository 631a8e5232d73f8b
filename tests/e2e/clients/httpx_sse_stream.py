"""Reads a stream with httpx-sse, which leaves coming back to its user.

Usage: httpx_sse_stream.py URL LOG [AFTER]

Appends {"seq":7,"data":"..."} to LOG for each event, or {"gap":"..."}. Needs httpx-sse in its path.
"""

import json
import sys
import time

import httpx
import httpx_sse

RECONNECT_SECONDS = 0.1
CONNECT_SECONDS = 10


def main() -> None:
    url, log_path = sys.argv[1:3]
    last = sys.argv[3] if len(sys.argv) > 3 else ""
    timeout = httpx.Timeout(CONNECT_SECONDS, read=None)
    client = httpx.Client(timeout=timeout, trust_env=False)
    with open(log_path, "ab", buffering=0) as log:
        while True:
            headers = {"Last-Event-ID": last} if last else {}
            try:
                with httpx_sse.connect_sse(client, "GET", url, headers=headers) as source:
                    for event in source.iter_sse():
                        if not event.data:
                            continue  # it makes events of `retry:` and of comments too
                        if event.event == "gap":
                            row: dict[str, object] = {"gap": event.data}
                        else:
                            last = event.id
                            row = {"seq": int(event.id), "data": event.data}
                        log.write(json.dumps(row).encode() + b"\n")
            except (httpx.TransportError, httpx_sse.SSEError):
                pass  # cut off; an answer that is no stream is one that was cut within its head
            time.sleep(RECONNECT_SECONDS)


if __name__ == "__main__":
    main()
