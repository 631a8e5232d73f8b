"""What `playload serve` must have sent, and whether what a client got is that.

The events are made again by `playload run ... --clock virtual --to stdout`, which has no server in
it. Line n of it, from 1, is the event with sequence number n.
"""

import dataclasses
import datetime
import json
import os
import pathlib
import re
import subprocess
import urllib.request
from collections.abc import Iterable, Sequence

import harness

RUN_SECONDS = 120
TAIL_BYTES = 1 << 16
KINDS = ("player", "purchase", "server")
TOPICS = dict(zip(KINDS, harness.INPUTS))
_NAMES = {b"player_action": "player", b"transaction": "purchase", b"server_metric": "server"}
_NAME = re.compile(rb'\{"event_name":"([a-z_]+)",')
_TIMESTAMP = re.compile(rb'"event_timestamp":"[^"]*"')


def start_now() -> str:
    """The present second, for --start: the plan of a run that is live from its beginning."""
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def wait_until_released(url: str, seq: int) -> None:
    """Returns when the run of the server at `url` has come to that event."""

    def released() -> bool:
        with urllib.request.urlopen(url + "/status", timeout=30) as answer:
            return json.load(answer)["head"] >= seq

    harness.wait_until(released, timeout=RUN_SECONDS)


def kind_of(line: bytes) -> str:
    found = _NAME.match(line)
    assert found is not None, line
    return _NAMES[found[1]]


def without_timestamp(line: bytes) -> bytes:
    stripped, count = _TIMESTAMP.subn(b'"event_timestamp":""', line)
    assert count == 1, line
    return stripped


def enveloped(line: bytes) -> bytes:
    """As ?envelope=key has it."""
    key = harness.entity(TOPICS[kind_of(line)], json.loads(line))
    return b'{"key":"%s","event":%s}' % (key.encode(), line)


class Expected:
    """The first `events` events of a run. `arguments` are those of `serve` that make them: the
    scenario, --seed, --rate, --start, ..."""

    def __init__(self, *arguments: object, events: int, scratch: pathlib.Path):
        folder = scratch / f"expected-{len(list(scratch.glob('expected-*')))}"
        command = [os.environ["PLAYLOAD"], "run", *map(str, arguments)]
        command += ["--clock", "virtual", "--to", "stdout", "--events", str(events)]
        done = subprocess.run(
            [*command, "--run-dir", str(folder), "--quiet"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=RUN_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            raise AssertionError(f"{command} ended with {done.returncode}: {done.stderr[-2000:]!r}")
        self.lines = done.stdout.splitlines()
        assert len(self.lines) == events, f"{len(self.lines)} lines, not {events}"

    def __len__(self) -> int:
        return len(self.lines)

    def line(self, seq: int) -> bytes:
        return self.lines[seq - 1]

    def seqs(self, first: int, last: int, kinds: Iterable[str] = KINDS) -> list[int]:
        """The sequence numbers from `first` to `last` that a filter lets through."""
        wanted = set(kinds)
        return [seq for seq in range(first, last + 1) if kind_of(self.line(seq)) in wanted]

    def of_kind(self, kind: str) -> list[bytes]:
        return [line for line in self.lines if kind_of(line) == kind]


@dataclasses.dataclass(frozen=True)
class Event:
    seq: int
    data: bytes


@dataclasses.dataclass
class Log:
    """What a client of clients/ wrote: its events, and everything else it had to say."""

    events: list[Event]
    rows: list[dict]  # those that are no events with a sequence number

    def notes(self, name: str) -> list:
        return [row[name] for row in self.rows if name in row]


def read_log(path: pathlib.Path) -> Log:
    """The whole lines of a log; a client may have been killed within the last one, or be in it."""
    log = Log([], [])
    if not path.exists():
        return log
    *whole, _ = path.read_bytes().split(b"\n")
    for line in whole:
        row = json.loads(line)
        if "seq" in row:
            log.events.append(Event(row["seq"], row["data"].encode()))
        else:
            log.rows.append(row)
    return log


def last_seq(path: pathlib.Path) -> int | None:
    """The sequence number that stands last in a log, read from its end."""
    if not path.exists():
        return None
    with open(path, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - TAIL_BYTES))
        *whole, _ = file.read().split(b"\n")
    if size > TAIL_BYTES:
        whole = whole[1:]
    for line in reversed(whole):
        if (seq := json.loads(line).get("seq")) is not None:
            return seq
    events = read_log(path).events
    return events[-1].seq if events else None


def exactly_once(events: Sequence[Event], expected: Expected, seqs: Sequence[int]) -> str:
    """Why the events are not those of `seqs`, each once, in order and to the byte; or ""."""
    for index, (event, seq) in enumerate(zip(events, seqs)):
        if event.seq != seq:
            before = [e.seq for e in events[max(0, index - 3) : index]]
            return f"event {index}: id {event.seq} where {seq} is next, after {before}"
        if event.data != expected.line(seq):
            return f"id {seq} has\n  {event.data!r}\ninstead of\n  {expected.line(seq)!r}"
    if len(events) != len(seqs):
        missing, more = seqs[len(events) :][:3], [e.seq for e in events[len(seqs) :][:3]]
        return f"{len(events)} events, not {len(seqs)}; not come: {missing}; too many: {more}"
    return ""


def without_early_copies(
    events: Sequence[Event], expected: Expected, after: int = 0
) -> tuple[list[Event], int]:
    """The events without what npm's eventsource 2.0.2 adds when it was cut off behind a `data:`,
    and how many such copies there were.

    It keeps that line, hands it on when the next answer begins, with the id of the event before,
    and then gets the event itself. So a copy has the id that came last and the data of the event
    that is next. REQUIRES: an unfiltered stream, read from `after` on.
    """
    kept: list[Event] = []
    for event in events:
        last = kept[-1].seq if kept else after
        is_copy = event.seq == last and last < len(expected)
        if not (is_copy and event.data == expected.line(last + 1)):
            kept.append(event)
    return kept, len(events) - len(kept)
