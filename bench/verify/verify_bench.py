#!/usr/bin/env python3
"""How fast a run is judged: `playload expect` and `playload verify`, in events per second of CPU.

    python3 bench/verify/verify_bench.py [--build build/release] [--events 5M] [--rounds 3] [--kafka]

Makes a run of the given size for each population, and its right outputs, in a temporary folder
(some 2 GB for 5M; --scratch says where). Then, --rounds times and interleaved, single-threaded:

    expect          all four outputs, into a file
    expect fraud    one output, into a file
    verify          the four outputs from files
    verify inputs   the events themselves from files, byte for byte
    verify both     events and outputs in one go
    RapidJSON SAX   the yardstick: parses the same four files, in situ, and forgets what it found

A figure is events of the run divided by CPU seconds, user and system, of all threads; medians are
printed, the raw figures written to --json. Files are read once before each measurement, so that
no disk is measured. Exit code 1 when expect or verify makes fewer than --least events/s per core.

--kafka starts a real Apache Kafka (tests/e2e/kafka_server.py), has the reference pipeline answer a
run of --kafka-events, and verifies that. Fetching costs librdkafka some CPU for each record;
`drain_topics` measures that alone, with the same reader, and the difference is what regenerating
and comparing costs. Everything stays on this machine.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))

OUTPUTS = ("player-session-summaries", "purchase-aggregates", "server-alerts", "fraud-alerts")
INPUTS = ("player-events", "purchase-events", "server-metrics")
LIMIT_SECONDS = 300


def count_of(text: str) -> int:
    units = {"k": 10**3, "M": 10**6, "G": 10**9}
    return int(float(text[:-1]) * units[text[-1]]) if text[-1] in units else int(text)


def cpu_of(command: list, stdout=subprocess.DEVNULL) -> float:
    """CPU seconds, user and system, of a command that must succeed."""
    begin = time.monotonic()
    child = subprocess.Popen([str(word) for word in command], stdout=stdout)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise SystemExit(f"exit code {child.returncode}: {' '.join(map(str, command))}")
    if time.monotonic() - begin > LIMIT_SECONDS:
        raise SystemExit("that took too long for a figure to mean anything")
    return usage.ru_utime + usage.ru_stime


def warm(paths: list[pathlib.Path]) -> None:
    for path in paths:
        with path.open("rb", buffering=0) as file:
            while file.read(1 << 20):
                pass


class Bench:
    def __init__(self, playload: pathlib.Path, tools: pathlib.Path, least: float):
        self.playload = playload
        self.tools = tools
        self.least = least
        self.figures: dict[str, dict[str, list[float]]] = {}

    def add(self, group: str, name: str, events: int, seconds: float) -> None:
        self.figures.setdefault(group, {}).setdefault(name, []).append(events / seconds)

    def report(self) -> bool:
        good = True
        for group, figures in self.figures.items():
            print(group)
            for name, rates in figures.items():
                rate = statistics.median(rates)
                judged = name.startswith(("expect", "verify", "regenerate"))
                verdict = ""
                if judged and name != "verify, with the fetch":
                    good = good and rate >= self.least
                    verdict = "  pass" if rate >= self.least else f"  FAIL, {self.least / 1e6} M"
                print(f"  {name:<24} {rate / 1e6:8.2f} M events/s per core"
                      f" {1e9 / rate:8.1f} ns{verdict}")
        return good


def files(bench: Bench, scratch: pathlib.Path, players: str, events: int, rounds: int) -> None:
    folder, run_dir = scratch / f"events-{players}", scratch / f"run-{players}"
    cpu_of([bench.playload, "run", "steady", "--seed", "1", "--players", players,
            "--events", events, "--rate", "1M", "--start", "2026-01-01T00:00:00Z",
            "--clock", "virtual", "--to", f"file:{folder}", "--run-dir", run_dir, "--quiet"])
    outputs = [folder / f"{name}.ndjson" for name in OUTPUTS]
    for path in outputs:
        with path.open("wb") as file:
            cpu_of([bench.playload, "expect", run_dir, "--output", path.stem], file)
    inputs = [folder / f"{name}.ndjson" for name in INPUTS]
    sink = scratch / "expected"
    group = f"steady, {players} players, {events / 1e6:g} M events, files"
    verify = [bench.playload, "verify", run_dir, "--from", f"file:{folder}", "--threads", "1",
              "--quiet"]
    only = [word for name in OUTPUTS for word in ("--only", name)]
    expect = [bench.playload, "expect", run_dir, "--threads", "1"]
    for _ in range(rounds):
        for name, more in (("expect", []), ("expect fraud", ["--output", "fraud-alerts"])):
            with sink.open("wb") as file:
                bench.add(group, name, events, cpu_of(expect + more, file))
        sink.unlink()
        for name, more, read in (("verify", [], outputs), ("verify inputs", ["--inputs"], inputs),
                                 ("verify both", ["--inputs", *only], inputs + outputs)):
            warm(read)
            bench.add(group, name, events, cpu_of(verify + more))
        warm(outputs)
        bench.add(group, "RapidJSON SAX", events, cpu_of([bench.tools / "sax_lines", *outputs]))
    for path in inputs + outputs:
        path.unlink()


def kafka(bench: Bench, scratch: pathlib.Path, events: int, rounds: int) -> None:
    from kafka_server import KafkaServer  # needs Java and Maven's artifacts

    with KafkaServer() as server:
        run_dir = scratch / "run-kafka"
        create = ["--create-topics", "partitions=6,replication=1"]
        cpu_of([bench.playload, "run", "steady", "--seed", "1", "--events", events, "--rate", "max",
                "--to", f"kafka://{server.bootstrap}", "--run-dir", run_dir, "--quiet", *create])
        cpu_of([bench.playload, "pipeline", "--kafka", server.bootstrap, "--until-idle", "5s",
                *create])
        group = f"steady, {events / 1e6:g} M events, Kafka, outputs of the reference pipeline"
        for _ in range(rounds):
            fetch = cpu_of([bench.tools / "drain_topics", server.bootstrap, *OUTPUTS])
            whole = cpu_of([bench.playload, "verify", run_dir, "--from",
                            f"kafka://{server.bootstrap}", "--threads", "1", "--quiet"])
            bench.add(group, "fetch alone", events, fetch)
            bench.add(group, "verify, with the fetch", events, whole)
            bench.add(group, "regenerate and compare", events, max(whole - fetch, 1e-9))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release")
    parser.add_argument("--events", default="5M")
    parser.add_argument("--players", nargs="+", default=["10k", "1M"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--least", default="5M", help="events/s per core that are asked for")
    parser.add_argument("--kafka", action="store_true")
    parser.add_argument("--no-files", action="store_true", help="only what --kafka does")
    parser.add_argument("--kafka-events", default="2M")
    parser.add_argument("--scratch", help="where the files go (default: the temporary folder)")
    parser.add_argument("--json", type=pathlib.Path, help="where the raw figures go")
    arguments = parser.parse_args()

    bench = Bench(arguments.build / "playload", arguments.build / "bench/verify",
                  count_of(arguments.least))
    with tempfile.TemporaryDirectory(dir=arguments.scratch) as folder:
        scratch = pathlib.Path(folder)
        if not arguments.no_files:
            for players in arguments.players:
                files(bench, scratch, players, count_of(arguments.events), arguments.rounds)
        if arguments.kafka:
            kafka(bench, scratch, count_of(arguments.kafka_events), arguments.rounds)
    if arguments.json:
        arguments.json.write_text(json.dumps(bench.figures, indent=2) + "\n")
    return 0 if bench.report() else 1


if __name__ == "__main__":
    raise SystemExit(main())
