"""The golden streams: which they are and how their fingerprints are made.

POLICY
1. A fingerprint that changes unintended is a defect: the stream of a seed is a promise to everyone
   who has recorded one. Find out why before anything else.
2. An intended change is made by tests/golden/update, stands in the same commit as the code that
   causes it, and in CHANGELOG.md.
3. A new scenario, and any option that reaches the bytes, gets a stream here.
"""

import dataclasses
import hashlib
import pathlib
import subprocess

FILES = ("player-events.ndjson", "purchase-events.ndjson", "server-metrics.ndjson")
FIXED = ("--seed", "1", "--clock", "virtual", "--start", "2026-01-01T00:00:00Z")


@dataclasses.dataclass(frozen=True)
class Stream:
    name: str
    scenario: str
    options: tuple[str, ...]


# By their own plan, long enough to reach their incidents; `options` has all that changes the bytes.
STREAMS = (
    Stream("steady", "steady", ("--rate", "2k", "--duration", "30s")),
    Stream("launch-day", "launch-day", ("--events", "100000")),
    Stream("fraud-ring", "fraud-ring", ("--rate", "2k", "--duration", "30s")),
    Stream("overload", "overload", ("--rate", "2k", "--duration", "30s")),
    Stream("fraud-and-overload", "fraud-and-overload", ("--rate", "2k", "--duration", "60s")),
    Stream("compat", "compat", ("--rate", "2k", "--duration", "10s")),
    Stream("data-faults", "data-faults", ("--rate", "2500", "--duration", "30s")),
    Stream("edges", "edges", ("--rate", "2k", "--duration", "20s")),
    Stream(
        "woven",
        "steady",
        ("--rate", "2k", "--duration", "30s", "--weave", "dataflow", "--weave", "velocity")
        + ("--weave-rate", "2"),
    ),
    Stream(
        "options",
        "fraud-and-overload",
        ("--rate", "2500", "--duration", "10s", "--players", "3000", "--shard", "1/2")
        + ("--event-types", "extended", "--timestamp-precision", "us", "--id-prefix", "abc"),
    ),
)


def fingerprint(program: str, stream: Stream, folder: pathlib.Path) -> str:
    """Runs the stream into `folder`, which must not be there yet; the text of its .sha256 file."""
    command = [program, "run", stream.scenario, *FIXED, *stream.options]
    command += ["--to", f"file:{folder}", "--run-dir", f"{folder}/run", "--quiet"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=300)
    rows = [
        f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in FILES
    ]
    expected = subprocess.run(
        [program, "expect", f"{folder}/run"], check=True, capture_output=True, timeout=300
    )
    rows.append(f"{hashlib.sha256(expected.stdout).hexdigest()}  expect\n")
    return f"# playload run {' '.join(command[2:-5])}\n" + "".join(rows)
