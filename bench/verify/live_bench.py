#!/usr/bin/env python3
"""What a live verification costs: CPU of its threads, and memory over time.

    python3 bench/verify/live_bench.py [--build build/release] [--rate 100k] [--seconds 60]

Starts a real Apache Kafka (tests/e2e/kafka_server.py) and the reference pipeline, runs
`playload run SCENARIO --rate R --duration S --verify` against it, and reads from /proc, every
second, the CPU time of each thread and the memory of the process. The verifying threads are those
called "verify" (the one that makes the events again and compares, and the one that reads) and those
that librdkafka has made for their consumer: the rdk:* threads that are younger than they. Making
the events again is counted, making them for the run is not.

Prints both per second of the run, as parts of a core, and the resident memory at each tenth of the
run, of this run and of one without --verify. Exit code 1 when the verifying threads take more than
--most of a core, or the verdict fails. Everything stays on this machine; broker and pipeline share
its cores, so a rate that the machine does not hold says so in the run's summary (also printed).
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))

from kafka_server import KafkaServer  # noqa: E402  (needs Java and Maven's artifacts)

OUTPUTS = ("player-session-summaries", "purchase-aggregates", "server-alerts", "fraud-alerts")
INPUTS = ("player-events", "purchase-events", "server-metrics")
TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
CREATE = ["--create-topics", "partitions=6,replication=1"]


def threads_of(pid: int) -> dict[int, tuple[str, float]]:
    """Thread id -> name and CPU seconds."""
    found = {}
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        try:
            text = (task / "stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        name = text[text.index("(") + 1 : text.rindex(")")]
        fields = text[text.rindex(")") + 2 :].split()
        found[int(task.name)] = (name, (int(fields[11]) + int(fields[12])) / TICK)
    return found


def resident(pid: int) -> int:
    return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE


def watch(process: subprocess.Popen) -> tuple[dict[int, tuple[str, float]], list[int], float]:
    """The latest CPU times of all threads that ever were, memory once a second, seconds."""
    threads: dict[int, tuple[str, float]] = {}
    memory: list[int] = []
    began = time.monotonic()
    while process.poll() is None:
        try:
            threads.update(threads_of(process.pid))
            memory.append(resident(process.pid))
        except (FileNotFoundError, ProcessLookupError, IndexError):
            break
        time.sleep(1)
    return threads, memory, time.monotonic() - began


def verifying(threads: dict[int, tuple[str, float]]) -> tuple[float, float]:
    """CPU seconds: of comparing and reading, and of librdkafka's part of the reading."""
    own = [tid for tid, (name, _) in threads.items() if name == "verify"]
    if not own:
        return 0, 0
    fetch = sum(cpu for tid, (name, cpu) in threads.items()
                if name.startswith("rdk:") and tid > min(own))
    return sum(threads[tid][1] for tid in own), fetch


def names(prefix: str) -> list[str]:
    return [word for topic in INPUTS + OUTPUTS
            for word in ("--topic", f"{topic}={prefix}-{topic}")]


def one(arguments, server: KafkaServer, scratch: pathlib.Path, verify: bool) -> dict:
    prefix = "verified" if verify else "alone"
    playload = arguments.build / "playload"
    run_dir = scratch / prefix
    run = subprocess.Popen(
        [playload, "run", arguments.scenario, "--seed", "1", "--rate", arguments.rate,
         "--duration", f"{arguments.seconds}s", "--players", arguments.players,
         "--to", f"kafka://{server.bootstrap}", *names(prefix), *CREATE,
         "--run-dir", run_dir, *(["--verify"] if verify else [])])
    # It needs the topics that the run makes.
    while True:
        pipeline = subprocess.Popen(
            [playload, "pipeline", "--kafka", server.bootstrap, *names(prefix), *CREATE],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            pipeline.wait(2)
        except subprocess.TimeoutExpired:
            break
    try:
        threads, memory, seconds = watch(run)
    finally:
        pipeline.terminate()
        pipeline.wait()
    summary = json.loads((run_dir / "summary.json").read_text())
    compare, fetch = verifying(threads)
    tenths = [memory[len(memory) * i // 10] / 2**20 for i in range(10)] if len(memory) > 9 else []
    return {"code": run.returncode, "seconds": seconds, "compare": compare, "fetch": fetch,
            "achieved": summary["achieved_per_second"], "bottleneck": summary["bottleneck"],
            "memory_mib": tenths, "most_mib": max(memory, default=0) / 2**20,
            "verdict": json.loads((run_dir / "verdict.json").read_text()) if verify else None}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release")
    parser.add_argument("--scenario", default="steady")
    parser.add_argument("--rate", default="100k")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--players", default="100k")
    parser.add_argument("--most", type=float, default=0.5, help="of a core that it may take")
    parser.add_argument("--no-baseline", action="store_true", help="leave out the run without it")
    parser.add_argument("--json", type=pathlib.Path, help="where the raw figures go")
    arguments = parser.parse_args()
    figures = {}
    with tempfile.TemporaryDirectory() as folder, KafkaServer() as server:
        for verify in (False, True):
            if not verify and arguments.no_baseline:
                continue
            figure = one(arguments, server, pathlib.Path(folder), verify)
            figures["with --verify" if verify else "without"] = figure
    for name, figure in figures.items():
        print(f"{name}: {figure['achieved']:,.0f} events/s, exit code {figure['code']}; "
              f"held back by playload: {figure['bottleneck']['playload']}, "
              f"by Kafka: {figure['bottleneck']['destination']}")
        print("  resident MiB at each tenth: " +
              " ".join(f"{mib:.0f}" for mib in figure["memory_mib"]) +
              f", most {figure['most_mib']:.0f}")
    figure = figures["with --verify"]
    share = (figure["compare"] + figure["fetch"]) / arguments.seconds
    events = figure["achieved"] * arguments.seconds
    print(f"verifying: {share:.3f} of a core, of which comparing "
          f"{figure['compare'] / arguments.seconds:.3f} and fetching "
          f"{figure['fetch'] / arguments.seconds:.3f}; "
          f"{(figure['compare'] + figure['fetch']) / events * 1e9:.0f} ns an event")
    latency = figure["verdict"]["latency_ms"]["fraud-alerts"]
    print(f"verdict passed: {figure['verdict']['passed']}; fraud-alerts: " + json.dumps(
        {part: latency[part] and {k: latency[part][k] for k in ("p50", "p99", "max")}
         for part in ("total", "playload", "broker", "pipeline")}))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")
    good = share <= arguments.most and figure["code"] == 0
    print("pass" if good else f"FAIL: more than {arguments.most} of a core, or a failed verdict")
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
