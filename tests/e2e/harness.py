"""Runs the playload program for the tests of this folder, and reads what it leaves behind.

The program stands in the environment variable PLAYLOAD (ctest sets it). Every process started here
has a time limit and is ended by its own id. Nothing leaves the loopback interface.
"""

import collections
import contextlib
import dataclasses
import hashlib
import ipaddress
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
from collections.abc import Callable, Iterable, Iterator

INPUTS = ("player-events", "purchase-events", "server-metrics")
OUTPUTS = ("player-session-summaries", "purchase-aggregates", "server-alerts", "fraud-alerts")
FILES = tuple(f"{topic}.ndjson" for topic in INPUTS)

EXIT_DONE = 0
EXIT_VERIFY_FAILED = 99
EXIT_UNREACHABLE = 102
EXIT_BAD_INPUT = 104
EXIT_INTERRUPTED = 105
EXIT_DESTINATION_FAILED = 107


def program() -> str:
    return os.environ["PLAYLOAD"]


@dataclasses.dataclass
class Done:
    code: int
    stdout: str
    stderr: str
    seconds: float

    def __str__(self) -> str:
        return (
            f"exit code {self.code} after {self.seconds:.1f} s\n"
            f"stdout: {self.stdout[-2000:]}\nstderr: {self.stderr[-4000:]}"
        )


def call(
    arguments: Iterable[str],
    *,
    timeout: float = 120,
    env: dict[str, str] | None = None,
    stdin: str | None = None,
) -> Done:
    began = time.monotonic()
    done = subprocess.run(
        list(arguments),
        capture_output=True,
        text=True,
        input=stdin,
        stdin=None if stdin is not None else subprocess.DEVNULL,
        timeout=timeout,
        env=dict(os.environ, **(env or {})),
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr, time.monotonic() - began)


class Case(unittest.TestCase):
    """A test with a scratch folder (`self.scratch`) and helpers that say what went wrong."""

    maxDiff = 2000

    def setUp(self) -> None:
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="playload-e2e-"))
        self.addCleanup(shutil.rmtree, self.scratch, ignore_errors=True)

    def playload(
        self,
        *arguments: object,
        code: int = EXIT_DONE,
        timeout: float = 120,
        env: dict[str, str] | None = None,
        prefix: Iterable[str] = (),
    ) -> Done:
        command = [*prefix, program(), *map(str, arguments)]
        done = call(command, timeout=timeout, env=env)
        if done.code != code:
            self.fail(f"{' '.join(command)}\nwanted exit code {code}, got {done}")
        return done

    @contextlib.contextmanager
    def started(self, *arguments: object) -> Iterator["Background"]:
        background = Background([program(), *map(str, arguments)], self.scratch)
        try:
            yield background
        finally:
            background.end()

    def summary(self, run_dir: pathlib.Path) -> dict:
        """summary.json, in which the fates of each destination's events must add up."""
        summary = json.loads((run_dir / "summary.json").read_text())
        for destination in summary["destinations"]:
            for topic, counts in destination["topics"].items():
                fates = sum(counts[fate] for fate in ("acked", "failed", "unknown", "shed"))
                self.assertEqual(counts["generated"], fates, f"{topic} does not add up: {counts}")
        return summary

    def verdict(self, run_dir: pathlib.Path) -> dict:
        return json.loads((run_dir / "verdict.json").read_text())

    def assert_clean(self, classes: dict, name: str) -> None:
        """A part of a verdict in which all that was expected came, and nothing else."""
        self.assertEqual(classes["matched"], classes["expected"], f"{name}: {classes}")
        for bad in ("missing", "unexpected", "duplicate", "wrong", "unreadable"):
            self.assertEqual(classes[bad], 0, f"{name}: {classes}")


class Background:
    """A program that runs beside the test, its output in files."""

    def __init__(self, command: list[str], scratch: pathlib.Path):
        self.command = command
        number = len(list(scratch.glob("background-*.out")))
        self.out_path = scratch / f"background-{number}.out"
        self.err_path = scratch / f"background-{number}.err"
        with open(self.out_path, "wb") as out, open(self.err_path, "wb") as err:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=err
            )

    def output(self) -> str:
        return self.out_path.read_text() + self.err_path.read_text()

    def wait_for(self, pattern: str, timeout: float = 30) -> re.Match:
        """Waits until the output matches."""
        until = time.monotonic() + timeout
        while time.monotonic() < until:
            ended = self.process.poll() is not None
            if found := re.search(pattern, self.output()):
                return found
            if ended:
                break
            time.sleep(0.05)
        raise AssertionError(f"{self.command} did not print {pattern!r}:\n{self.output()[-4000:]}")

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)

    def wait(self, timeout: float = 120) -> int:
        return self.process.wait(timeout)

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def wait_until(condition: Callable[[], bool], timeout: float = 30) -> None:
    until = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > until:
            raise AssertionError("waited in vain")
        time.sleep(0.05)


def listening(pid: int) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    """The addresses on which a process takes TCP connections, one for each port."""
    inodes = set()
    for descriptor in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            inodes.add(os.readlink(descriptor))
    found = []
    for table in ("tcp", "tcp6"):
        for row in pathlib.Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = row.split()
            if fields[3] != "0A" or f"socket:[{fields[9]}]" not in inodes:  # 0A: LISTEN
                continue
            words = bytes.fromhex(fields[1].split(":")[0])  # 32 bits each, in the machine's order
            packed = b"".join(words[at : at + 4][::-1] for at in range(0, len(words), 4))
            address = ipaddress.ip_address(packed)
            found.append(getattr(address, "ipv4_mapped", None) or address)
    return found


def sha256(path: pathlib.Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def lines(path: pathlib.Path) -> list[bytes]:
    data = path.read_bytes()
    assert not data or data.endswith(b"\n"), f"{path} ends within a line"
    return data.splitlines()


def entity(topic: str, event: dict) -> str:
    """The Kafka key of an event (docs/profile-dataflow.md)."""
    if topic == "player-events":
        return event["parameters"]["player_id"]
    if topic == "purchase-events":
        return event["user_data"]["user_id"]
    return event["parameters"]["server_id"]


def by_entity(topic: str, rows: Iterable[bytes]) -> dict[str, list[bytes]]:
    """The events of each player, user or server, in the order in which they stand."""
    found: dict[str, list[bytes]] = collections.defaultdict(list)
    for row in rows:
        found[entity(topic, json.loads(row))].append(row)
    return found


def murmur2(data: bytes) -> int:
    """Kafka's hash of a key, written down from its definition."""
    mask, m = 0xFFFFFFFF, 0x5BD1E995
    h = (0x9747B28C ^ len(data)) & mask
    whole = len(data) & ~3
    for at in range(0, whole, 4):
        k = int.from_bytes(data[at : at + 4], "little") * m & mask
        k = (k ^ (k >> 24)) * m & mask
        h = (h * m & mask) ^ k
    if tail := data[whole:]:
        h = (h ^ int.from_bytes(tail, "little")) * m & mask
    h = (h ^ (h >> 13)) * m & mask
    return h ^ (h >> 15)


def partition_of(key: str, partitions: int) -> int:
    return (murmur2(key.encode()) & 0x7FFFFFFF) % partitions


@dataclasses.dataclass(frozen=True)
class Message:
    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: str
    value: bytes


# A tab stands in no key and in no event: both are ASCII without control characters.
KCAT_FORMAT = "%t\t%p\t%o\t%T\t%k\t%s\n"


def kcat_read(bootstrap: str, topic: str) -> list[Message]:
    """The whole topic as kcat sees it, partitions in order."""
    command = ["kcat", "-q", "-b", bootstrap, "-C", "-t", topic, "-o", "beginning", "-e"]
    done = call([*command, "-f", KCAT_FORMAT])
    if done.code != 0:
        raise AssertionError(f"kcat cannot read {topic}: {done}")
    messages = []
    for line in done.stdout.splitlines():
        name, partition, offset, timestamp, key, value = line.split("\t")
        messages.append(
            Message(name, int(partition), int(offset), int(timestamp), key, value.encode())
        )
    return sorted(messages, key=lambda message: (message.partition, message.offset))


def kcat_write(bootstrap: str, message: Message) -> None:
    """Adds one message, with its key, to its partition."""
    command = ["kcat", "-q", "-b", bootstrap, "-P", "-t", message.topic]
    command += ["-p", str(message.partition), "-k", message.key]
    done = call(command, stdin=message.value.decode() + "\n")
    if done.code != 0:
        raise AssertionError(f"kcat cannot write to {message.topic}: {done}")


def make_topics(bootstrap: str, topics: Iterable[str], partitions: int = 6) -> None:
    """Makes topics that are not there. The reference pipeline does it, seconds faster than Java: it
    makes what it would write to before it finds that there is nothing to read."""
    wanted = list(topics)
    for first in range(0, len(wanted), len(OUTPUTS)):
        some = wanted[first : first + len(OUTPUTS)]
        unused = [f"{some[0]}-unused-{number}" for number in range(len(OUTPUTS) - len(some))]
        names = [*(f"{u}={n}" for u, n in zip(OUTPUTS, [*some, *unused]))]
        names += [f"{usual}=nowhere-{usual}" for usual in INPUTS]
        command = [program(), "pipeline", "--kafka", bootstrap]
        command += ["--create-topics", f"partitions={partitions},replication=1"]
        done = call([*command, *(word for name in names for word in ("--topic", name))])
        if done.code != EXIT_BAD_INPUT:
            raise AssertionError(f"{topics} were not made: {done}")


def topic_options(prefix: str, topics: Iterable[str]) -> list[str]:
    """--topic options that rename each topic, so that tests share a broker but no topic."""
    return [word for topic in topics for word in ("--topic", f"{topic}={prefix}-{topic}")]
