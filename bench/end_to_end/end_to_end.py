#!/usr/bin/env python3
"""Whole-program figures: playload into null, stdout, files, embedded and real Kafka, beside yardsticks
taken in the same run on the same machine.

    python3 bench/end_to_end/end_to_end.py [--playload build/release/playload] [--rounds 3] [--kafka]

Each contender runs `--rounds` times, interleaved; medians are printed, and the raw figures written to
--json. Yardsticks: RapidJSON's Writer (generate_bench), dd for files, `kcat -P` replaying the same
events for Kafka. --kafka starts a real Apache Kafka (tests/e2e/kafka_server.py) and stops it again.
Everything stays on this machine and is bounded in time.
"""

import argparse
import json
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))

RUN_SECONDS = 300


def rate_of(folder: pathlib.Path) -> float:
    """Events per second as the run itself measured them, acknowledged ones only."""
    summary = json.loads((folder / "summary.json").read_text())
    acked = sum(topic["acked"] for topic in summary["topics"].values())
    generated = sum(topic["generated"] for topic in summary["topics"].values())
    if acked != generated:
        raise SystemExit(f"{folder}: {generated - acked} events were not acknowledged")
    return summary["achieved_per_second"]


class Bench:
    def __init__(self, playload: str, scratch: pathlib.Path):
        self.playload = playload
        self.scratch = scratch
        self.count = 0
        self.figures: dict[str, list[float]] = {}

    def add(self, name: str, events_per_second: float) -> None:
        self.figures.setdefault(name, []).append(events_per_second)
        print(f"  {name:<44} {events_per_second / 1e6:8.2f} M events/s", flush=True)

    def run(self, name: str, *flags: str, stdout=subprocess.DEVNULL) -> pathlib.Path:
        """A run at full speed; from start to the last acknowledgement, by the wall clock."""
        self.count += 1
        folder = self.scratch / f"run-{self.count}"
        command = [self.playload, "run", "steady", "--seed", "1", "--quiet",
                   "--run-dir", str(folder), *flags]
        begin = time.monotonic()
        subprocess.run(command, check=True, stdout=stdout, timeout=RUN_SECONDS)
        seconds = time.monotonic() - begin
        rate_of(folder)  # complains of what was not acknowledged
        summary = json.loads((folder / "summary.json").read_text())
        events = sum(topic["acked"] for topic in summary["topics"].values())
        self.add(name, events / seconds)
        return folder


def rapidjson(bench: Bench, generate_bench: pathlib.Path) -> None:
    out = subprocess.run(
        [generate_bench, "--benchmark_filter=BM_RapidJsonWriter", "--benchmark_format=json"],
        check=True, capture_output=True, text=True, timeout=RUN_SECONDS).stdout
    bench.add("yardstick: RapidJSON's Writer", json.loads(out)["benchmarks"][0]["items_per_second"])


def files(bench: Bench) -> None:
    folder = bench.scratch / f"files-{bench.count}"
    bench.run("file, 1 M players", "--players", "1M", "--threads", "1", "--rate", "max",
              "--events", "10M", "--to", f"file:{folder}")
    size = sum(file.stat().st_size for file in folder.iterdir())
    shutil.rmtree(folder)
    target = bench.scratch / "dd"
    begin = time.monotonic()
    subprocess.run(["dd", "if=/dev/zero", f"of={target}", "bs=1M", f"count={size >> 20}",
                    "conv=fsync"], check=True, stderr=subprocess.DEVNULL, timeout=RUN_SECONDS)
    # As many events as those bytes hold.
    bench.add("yardstick: dd, 1 MiB blocks, same bytes", 10e6 / (time.monotonic() - begin))
    target.unlink()


def kafka(bench: Bench, server, codec: str) -> None:
    events = "2M"
    topics = [f"{kind}-{bench.count}" for kind in ("player-events", "purchase-events",
                                                   "server-metrics")]
    renames = []
    for kind, topic in zip(("player-events", "purchase-events", "server-metrics"), topics):
        renames += ["--topic", f"{kind}={topic}"]
    bench.run(f"real Kafka, {codec}", "--rate", "max", "--threads", "1", "--events", events,
              "--to", f"kafka://{server.bootstrap}", "--kafka", f"compression.type={codec}",
              "--create-topics", "partitions=6,replication=1", *renames)
    keyed = bench.scratch / "keyed.txt"
    if not keyed.exists():
        replay = bench.scratch / "replay"
        bench.run("(events for kcat, from a file run)", "--rate", "max", "--events", events,
                  "--to", f"file:{replay}")
        with keyed.open("w") as out, (replay / "player-events.ndjson").open() as lines:
            for line in lines:
                key = line.split('"player_id":"', 1)[1].split('"', 1)[0]
                out.write(f"{key}\t{line}")
        shutil.rmtree(replay)
    count = sum(1 for _ in keyed.open())
    begin = time.monotonic()
    subprocess.run(["kcat", "-P", "-b", server.bootstrap, "-t", topics[0], "-K", "\t", "-l",
                    "-X", "enable.idempotence=true", "-X", "acks=all",
                    "-X", f"compression.codec={codec}", "-X", "linger.ms=50",
                    "-X", "partitioner=murmur2_random", str(keyed)],
                   check=True, timeout=RUN_SECONDS)
    bench.add(f"yardstick: kcat -P -K, {codec}", count / (time.monotonic() - begin))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--playload", default=str(ROOT / "build/release/playload"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kafka", action="store_true")
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    generate_bench = pathlib.Path(options.playload).parent / "bench/generate/generate_bench"

    with tempfile.TemporaryDirectory(prefix="playload-bench-") as scratch:
        bench = Bench(options.playload, pathlib.Path(scratch))
        server = None
        if options.kafka:
            import kafka_server  # tests/e2e
            server = kafka_server.KafkaServer(heap="1g")
            server.start()
        try:
            for number in range(options.rounds):
                print(f"round {number + 1} of {options.rounds}")
                rapidjson(bench, generate_bench)
                bench.run("null, 1 M players, 1 thread", "--players", "1M", "--threads", "1",
                          "--rate", "max", "--events", "60M", "--to", "null")
                bench.run("null, 1 M players, 2 threads", "--players", "1M", "--threads", "2",
                          "--rate", "max", "--events", "60M", "--to", "null")
                bench.run("null, 10 k players, 1 thread", "--players", "10k", "--threads", "1",
                          "--rate", "max", "--events", "60M", "--to", "null")
                bench.run("stdout, thrown away", "--players", "1M", "--threads", "1", "--rate",
                          "max", "--events", "20M", "--to", "stdout")
                files(bench)
                bench.run("embedded Kafka, lz4", "--rate", "max", "--threads", "1", "--events",
                          "2M", "--to", "kafka://embedded")
                if server is not None:
                    for codec in ("none", "lz4"):
                        kafka(bench, server, codec)
        finally:
            if server is not None:
                server.close()

    print("\nmedians, M events/s (whole process, start-up included)")
    for name, figures in bench.figures.items():
        print(f"  {name:<44} {statistics.median(figures) / 1e6:8.2f}")
    if options.json:
        options.json.write_text(json.dumps(bench.figures, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
