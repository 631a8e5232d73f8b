"""The clients of clients/ as processes that are started, killed and started again where they were.

A client's log is its stored position: it goes on behind the last event that stands in it.
"""

import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

from clients import dependencies
from http_expect import Log, last_seq, read_log
from http_server import end_with

PROGRAMS = pathlib.Path(__file__).resolve().parent / "clients"
END_SECONDS = 10

# A client's command: the stream's URL, the log, and the position to go on behind.
Command = Callable[[str, pathlib.Path, int | None], Sequence[object]]


def _after(position: int | None) -> list[str]:
    return [] if position is None else [str(position)]


def curl(form: str) -> Command:
    """`curl -N`; form: sse, ndjson or json."""
    program = PROGRAMS / "curl_stream.py"

    def command(url: str, log: pathlib.Path, position: int | None) -> Sequence[object]:
        if form != "sse":
            position = position or 0  # those formats say nothing to count on from
        return sys.executable, program, form, url, log, *_after(position)

    return command


def eventsource(generation: int) -> Command:
    """npm's eventsource of that generation."""
    program = dependencies.eventsource()
    return lambda url, log, position: ("node", program, generation, url, log, *_after(position))


def httpx_sse() -> Command:
    program = PROGRAMS / "httpx_sse_stream.py"
    path = f"PYTHONPATH={dependencies.httpx_sse()}"
    return lambda url, log, position: (
        *("env", path, sys.executable, program, url, log),
        *_after(position),
    )


def browser(page_port: int) -> Command:
    """Chromium's EventSource in a page of http://127.0.0.1:<page_port>."""
    program = PROGRAMS / "browser_stream.py"
    # What a killed browser leaves goes with the folder of its log.
    return lambda url, log, position: (
        *("env", f"PYTHONPATH={PROGRAMS.parent}", f"TMPDIR={log.parent}"),
        *(sys.executable, program, page_port, url, log),
        *_after(position),
    )


def connector() -> Command:
    """A connector that counts its NDJSON records, on Rust's reqwest."""
    program = dependencies.fluvio_like()
    return lambda url, log, position: (program, url, log, position or 0)


def fluvio_like() -> Command:
    """The same without a position: as Fluvio's http-source."""
    program = dependencies.fluvio_like()
    return lambda url, log, position: (program, url, log)


class Client:
    """One client. `start()` again after `kill()` goes on where the log ends."""

    def __init__(self, name: str, command: Command, url: str, folder: pathlib.Path):
        self.name = name
        self.path = folder / f"{name}.ndjson"
        self.starts = 0
        self._command = command
        self._url = url
        self._errors = folder / f"{name}.err"
        self._process: subprocess.Popen | None = None

    def start(self) -> None:
        self._cut_torn_line()
        words = [str(word) for word in self._command(self._url, self.path, last_seq(self.path))]
        with open(self._errors, "ab") as errors:
            self._process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                preexec_fn=end_with(os.getpid()),
            )
        self.starts += 1

    def kill(self) -> None:
        """SIGKILL to it and all that it has started."""
        if self._process is None:
            return
        process, self._process = self._process, None
        started = _descendants(process.pid)
        process.kill()
        process.wait()
        for pid in started:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        # Its ports must be free, and the log at rest, before it is started again.
        until = time.monotonic() + END_SECONDS
        while any(map(_runs, started)) and time.monotonic() < until:
            time.sleep(0.01)

    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def last(self) -> int | None:
        """The last sequence number that it has written down."""
        return last_seq(self.path)

    def log(self) -> Log:
        return read_log(self.path)

    def errors(self) -> str:
        return self._errors.read_text(errors="replace")[-3000:] if self._errors.exists() else ""

    def _cut_torn_line(self) -> None:
        if self.path.exists():
            whole = self.path.read_bytes().rfind(b"\n") + 1
            os.truncate(self.path, whole)


def _stat(pid: object) -> tuple[str, int] | None:
    """The state and the parent of a process; none when it is gone."""
    try:
        state, parent = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:2]
    except OSError:
        return None
    return state, int(parent)


def _runs(pid: int) -> bool:
    """Whether it runs; one that only waits to be reaped does not."""
    stat = _stat(pid)
    return stat is not None and stat[0] not in "ZX"


def _descendants(ancestor: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        if (stat := _stat(folder.name)) is not None:
            children.setdefault(stat[1], []).append(int(folder.name))
    found = [ancestor]
    for pid in found:  # which grows meanwhile
        found += children.get(pid, [])
    return found[1:]
