"""Reads a stream with `curl -N`, again and again, and takes it apart to the letter.

Usage: curl_stream.py sse|ndjson|json URL LOG [AFTER]

Appends {"seq":7,"data":"..."} to LOG for each event, {"gap":"..."}, and {"bad":"..."} for whatever
the format does not allow. In SSE it comes back with Last-Event-ID; in the other two formats it adds
`after=` to the URL and counts the records: without a filter, the n-th behind N has sequence number
N + n.
"""

import ctypes
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

RECONNECT_SECONDS = 0.1
CHUNK_BYTES = 1 << 16
DELIMITERS = {"sse": b"\n\n", "ndjson": b"\n", "json": b"\n\n"}

EVENT = re.compile(rb"(?:event: (?:player|purchase|server)\n)?data: ([^\n]+)\nid: ([1-9][0-9]*)")
GAP = re.compile(rb"event: gap\ndata: ([^\n]+)")
RETRY = re.compile(rb"retry: [0-9]+")
COMMENT = re.compile(rb":[^\n]*")

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)


def end_with_us() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def chunks(url: str, last: int | None, sse: bool) -> Iterator[bytes]:
    """What one run of curl receives, piece by piece."""
    command = ["curl", "-N", "-s", "--noproxy", "*"]
    if sse:
        command += ["-H", "Accept: text/event-stream"]
        if last is not None:
            command += ["-H", f"Last-Event-ID: {last}"]
    elif last is not None:
        url += f"{'&' if '?' in url else '?'}after={last}"
    with subprocess.Popen(
        [*command, url], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, preexec_fn=end_with_us
    ) as curl:
        assert curl.stdout is not None
        while chunk := os.read(curl.stdout.fileno(), CHUNK_BYTES):
            yield chunk


class Stream:
    def __init__(self, form: str, last: int | None):
        self.form = form
        self.last = last
        self.first = True  # of this connection

    def row(self, record: bytes) -> dict[str, object] | None:
        """What the log gets of a record, delimiter apart."""
        if self.form != "sse":
            if not record or b"\n" in record:
                return {"bad": record.decode(errors="replace")}
            self.last = (self.last or 0) + 1
            return {"seq": self.last, "data": record.decode(errors="replace")}
        first, self.first = self.first, False
        if found := EVENT.fullmatch(record):
            self.last = int(found[2])
            if not first:
                return {"seq": self.last, "data": found[1].decode(errors="replace")}
        elif found := GAP.fullmatch(record):
            return {"gap": found[1].decode(errors="replace")}
        elif COMMENT.fullmatch(record) or (first and RETRY.fullmatch(record)):
            return None
        return {"bad": record.decode(errors="replace")}


def main() -> None:
    form, url, log_path = sys.argv[1:4]
    stream = Stream(form, int(sys.argv[4]) if len(sys.argv) > 4 else None)
    with open(log_path, "ab", buffering=0) as log:
        while True:
            held = b""
            stream.first = True
            for chunk in chunks(url, stream.last, form == "sse"):
                *records, held = (held + chunk).split(DELIMITERS[form])
                rows = [row for row in map(stream.row, records) if row is not None]
                log.write(b"".join(json.dumps(row).encode() + b"\n" for row in rows))
            time.sleep(RECONNECT_SECONDS)


if __name__ == "__main__":
    main()
