#!/usr/bin/env python3
"""How fast playload feeds a real Kafka, beside what others do with the same broker and machine.

    python3 bench/kafka/kafka_bench.py [--playload PROGRAM] [--rounds 3] [--events 3M]

One broker (tests/e2e/kafka_server.py, its data in memory unless --disk is given), 6 partitions a
topic, keyed, acks=all, idempotent. The contenders take turns, every other round backwards; medians
and ratios are printed, each ratio with the bound that it is held to. Exit code 1 if one is missed,
2 if a yardstick is missing.

Yardsticks, each with the settings that were measured to be its best (KCAT, RDKAFKA, JAVA below):
  rdkafka_performance   librdkafka's own, one constant payload; built here from the example in
                        librdkafka-dev (--rdkafka-performance names one that is built already)
  kcat -P -K            replays the same events, with their keys, from a file
  ProducerPerformance   Kafka's kafka-producer-perf-test: the same events by --payload-file; no keys

Events per second: of playload and kcat from the start of the process to its end, of the other two
what they print themselves, which leaves out their start. CPU: user and system time of the whole
process, in microseconds an event; playload's has the simulation in it.
"""

import argparse
import dataclasses
import gzip
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))

import kafka_server  # noqa: E402

RUN_SECONDS = 300
PARTITIONS = 6
KINDS = ("player-events", "purchase-events", "server-metrics")
KEYS = ('"player_id":"', '"user_id":"', '"server_id":"')
SHIM = HERE / "rdkafka_performance_shim.h"
EXAMPLE = "/usr/share/doc/librdkafka-dev/examples/rdkafka_performance.c"

# For kcat and rdkafka_performance the best of linger.ms 20 and 100, with queues of 60,000 and 250,000.
# playload runs with its own defaults for full speed, which cost those two 15 and 25 %.
COMMON = ("acks=all", "enable.idempotence=true", "linger.ms=20")
KCAT = (*COMMON, "socket.nagle.disable=true", "queue.buffering.max.messages=60000")
RDKAFKA = (*COMMON, "socket.nagle.disable=true", "queue.buffering.max.messages=250000")
JAVA = (*COMMON, "batch.size=262144", "buffer.memory=134217728")
# The broker keeps little: a run writes a gigabyte, and this is no measurement of disks.
SERVER = {
    "log.segment.bytes": str(32 << 20),
    "log.retention.bytes": str(32 << 20),
    "log.retention.check.interval.ms": "500",
    "log.initial.task.delay.ms": "500",
    "log.segment.delete.delay.ms": "0",
}
MEMORY = "/dev/shm"
MEMORY_BYTES = 6 << 30


@dataclasses.dataclass
class Figure:
    """Of one run: events a second, CPU microseconds an event, the part of the machine's time that
    its host gave to others."""

    per_second: float
    cpu_us: float
    stolen: float


@dataclasses.dataclass
class Ended:
    seconds: float
    cpu: float
    stolen: float  # the part of the machine's time that it was not given
    output: str


def run(command: list[str], output: pathlib.Path) -> Ended:
    """Runs to the end. A process that fails ends the benchmark with what it printed."""
    with output.open("wb") as out:
        begin = time.monotonic()
        all_before, stolen_before = cpu_times()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out,
                                   stderr=subprocess.STDOUT)
        try:
            _, status, used = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            raise
        seconds = time.monotonic() - begin
        all_after, stolen_after = cpu_times()
        process.returncode = os.waitstatus_to_exitcode(status)
    text = output.read_text(errors="replace")
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}:\n{text[-2000:]}")
    stolen = (stolen_after - stolen_before) / max(1, all_after - all_before)
    return Ended(seconds, used.ru_utime + used.ru_stime, stolen, text)


def cpu_times() -> tuple[int, int]:
    """All of the machine's time so far, and what a hypervisor took of it, in ticks."""
    numbers = [int(n) for n in pathlib.Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
    return sum(numbers), numbers[7]


def build_rdkafka_performance(folder: pathlib.Path) -> pathlib.Path | str:
    """The program, or why it cannot be had. The example includes two headers of librdkafka's source
    tree, which no package has; SHIM stands in for the few lines that it needs of them."""
    source = folder / "rdkafka_performance.c"
    if os.path.exists(EXAMPLE):
        shutil.copy(EXAMPLE, source)
    elif os.path.exists(EXAMPLE + ".gz"):
        source.write_bytes(gzip.decompress(pathlib.Path(EXAMPLE + ".gz").read_bytes()))
    else:
        return f"no {EXAMPLE}: install librdkafka-dev (with its documentation)"
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return "no C compiler"
    program = folder / "rdkafka_performance"
    # "../src/rd.h", "rd.h" and "rdtime.h" are what it includes.
    (folder / "src").mkdir()
    (folder / "include").mkdir()
    shutil.copy(SHIM, folder / "src/rd.h")
    for name in ("rd.h", "rdtime.h"):
        (folder / "include" / name).write_text('#include "../src/rd.h"\n')
    done = subprocess.run(
        [compiler, "-O2", "-w", "-o", str(program), str(source), f"-I{folder / 'include'}",
         "-I/usr/include/librdkafka", "-lrdkafka"],
        capture_output=True, text=True, timeout=RUN_SECONDS, check=False)
    return program if done.returncode == 0 else f"it does not compile:\n{done.stderr[-1500:]}"


class Bench:
    def __init__(self, options: argparse.Namespace, scratch: pathlib.Path,
                 server: kafka_server.KafkaServer):
        self.playload = options.playload
        self.flags = options.flag
        self.events = options.events
        self.scratch = scratch
        self.server = server
        self.count = 0
        self.warming = False
        self.figures: dict[str, list[Figure]] = {}
        self.missing: dict[str, str] = {}
        self.rdkafka_performance: pathlib.Path | None = None
        if options.rdkafka_performance:
            self.rdkafka_performance = pathlib.Path(options.rdkafka_performance)
        else:
            built = build_rdkafka_performance(scratch)
            if isinstance(built, str):
                self.missing["rdkafka_performance"] = built
            else:
                self.rdkafka_performance = built
        if shutil.which("kcat") is None:
            self.missing["kcat"] = "it is not installed"

    def prepare(self) -> None:
        """The events as files, and the topics."""
        lines = self.scratch / "values"
        with lines.open("wb") as out:
            subprocess.run([self.playload, "run", "steady", "--seed", "1", "--quiet", "--rate",
                            "max", "--events", str(self.events), "--to", "stdout", "--run-dir",
                            str(self.scratch / "replay")],
                           stdout=out, check=True, timeout=RUN_SECONDS)
        size = 0
        key_of = re.compile("(?:" + "|".join(KEYS) + r')([^"]*)"')
        # --payload-file takes a file into memory: some of it is enough.
        with lines.open() as values, (self.scratch / "keyed").open("w") as keyed, (
                self.scratch / "some").open("w") as some:
            for number, line in enumerate(values):
                keyed.write(f"{key_of.search(line).group(1)}\t{line}")
                size += len(line) - 1
                if number < 200_000:
                    some.write(line)
        lines.unlink()
        self.mean_bytes = size // self.events
        for topic in ("kcat", "java", "rdkafka"):
            for codec in ("none", "lz4"):
                self.server.create_topic(f"{topic}-{codec}", PARTITIONS)

    def add(self, name: str, codec: str, figure: Figure) -> None:
        if self.warming:
            return
        self.figures.setdefault(f"{name}, {codec}", []).append(figure)
        print(f"  {name:<22} {codec:<5} {figure.per_second / 1e6:6.2f} M events/s "
              f"{figure.cpu_us:6.2f} us CPU/event  {figure.stolen:4.0%} stolen", flush=True)

    def run(self, command: list[str]) -> Ended:
        self.count += 1
        return run(command, self.scratch / f"output-{self.count}")

    def run_playload(self, codec: str) -> None:
        folder = self.scratch / f"run-{self.count}"
        command = [self.playload, "run", "steady", "--seed", "1", "--quiet", "--rate", "max",
                   "--events", str(self.events), "--run-dir", str(folder),
                   "--to", f"kafka://{self.server.bootstrap}", "--kafka",
                   f"compression.type={codec}", "--create-topics",
                   f"partitions={PARTITIONS},replication=1"]
        for kind in KINDS:
            command += ["--topic", f"{kind}={kind}-{codec}"]
        ended = self.run(command + self.flags)
        topics = json.loads((folder / "summary.json").read_text())["topics"].values()
        acked = sum(topic["acked"] for topic in topics)
        if acked != self.events:
            raise SystemExit(f"playload: {acked} of {self.events} events were acknowledged")
        self.add("playload", codec,
                 Figure(acked / ended.seconds, ended.cpu / acked * 1e6, ended.stolen))

    def run_kcat(self, codec: str) -> None:
        if "kcat" in self.missing:
            return
        options = [word for setting in (*KCAT, f"compression.codec={codec}",
                                        "partitioner=murmur2_random") for word in ("-X", setting)]
        ended = self.run(["kcat", "-P", "-b", self.server.bootstrap, "-t", f"kcat-{codec}", "-K",
                          "\t", *options, "-l", str(self.scratch / "keyed")])
        self.add("kcat", codec,
                 Figure(self.events / ended.seconds, ended.cpu / self.events * 1e6, ended.stolen))

    def run_rdkafka(self, codec: str) -> None:
        if self.rdkafka_performance is None:
            return
        options = [word for setting in (*RDKAFKA, f"compression.codec={codec}",
                                        "topic.partitioner=random") for word in ("-X", setting)]
        ended = self.run([str(self.rdkafka_performance), "-P", "-t", f"rdkafka-{codec}", "-b",
                          self.server.bootstrap, "-s", str(self.mean_bytes), "-c",
                          str(self.events), "-k", "player_1234567", *options])
        rates = re.findall(r"(\d+) msgs/s", ended.output)
        if not rates:
            raise SystemExit(f"rdkafka_performance printed no rate:\n{ended.output[-2000:]}")
        self.add("rdkafka_performance", codec,
                 Figure(float(rates[-1]), ended.cpu / self.events * 1e6, ended.stolen))

    def run_java(self, codec: str) -> None:
        jars = kafka_server.fetch()
        count = self.events // 2  # it is slow, and does not count its start
        ended = self.run(["java", "-Xms512m", "-Xmx512m", "-cp", f"{jars}/*",
                          "org.apache.kafka.tools.ProducerPerformance", "--topic", f"java-{codec}",
                          "--num-records", str(count), "--throughput", "-1", "--payload-file",
                          str(self.scratch / "some"), "--producer-props",
                          f"bootstrap.servers={self.server.bootstrap}",
                          f"compression.type={codec}", *JAVA])
        rates = re.findall(r"([\d.]+) records/sec", ended.output)
        if not rates:
            raise SystemExit(f"ProducerPerformance printed no rate:\n{ended.output[-2000:]}")
        self.add("ProducerPerformance", codec,
                 Figure(float(rates[-1]), ended.cpu / count * 1e6, ended.stolen))

    def median(self, name: str, codec: str, what: str) -> float | None:
        figures = self.figures.get(f"{name}, {codec}")
        return statistics.median(getattr(f, what) for f in figures) if figures else None


@dataclasses.dataclass
class Bound:
    """playload's median against another's: not below `factor` of it, for CPU not above."""

    codec: str
    what: str
    other: str
    factor: float


BOUNDS = (
    Bound("none", "per_second", "rdkafka_performance", 1.0),
    Bound("none", "per_second", "ProducerPerformance", 2.0),
    Bound("lz4", "per_second", "kcat", 1.5),
    Bound("lz4", "per_second", "ProducerPerformance", 2.5),
    Bound("lz4", "cpu_us", "kcat", 0.8),
)


def report(bench: Bench) -> int:
    print(f"\nmedians of {bench.events} events, {bench.mean_bytes} bytes each")
    print(f"  {'':<30} {'M events/s':>10} {'us CPU/event':>13}")
    for name in bench.figures:
        contender, codec = name.split(", ")
        print(f"  {name:<30} {bench.median(contender, codec, 'per_second') / 1e6:>10.2f} "
              f"{bench.median(contender, codec, 'cpu_us'):>13.2f}")
    print("\nplayload against")
    code = 0
    for bound in BOUNDS:
        cpu = bound.what == "cpu_us"
        ours = bench.median("playload", bound.codec, bound.what)
        theirs = bench.median(bound.other, bound.codec, bound.what)
        what = f"{bound.other}, {bound.codec}, {'CPU' if cpu else 'events/s'}"
        wanted = f"{'at most' if cpu else 'at least'} {bound.factor}"
        if ours is None or theirs is None:
            print(f"  {what:<40}    not measured (wanted: {wanted})")
            code = max(code, 2)
            continue
        ratio = ours / theirs
        kept = ratio <= bound.factor if cpu else ratio >= bound.factor
        print(f"  {what:<40} {ratio:6.2f}x  {wanted:<13} {'pass' if kept else 'FAIL'}")
        if not kept:
            code = 1
    for name, why in bench.missing.items():
        print(f"{name} is missing: {why}", file=sys.stderr)
    return code


def number(text: str) -> int:
    factor = {"k": 1_000, "M": 1_000_000}.get(text[-1:], 1)
    return int(text[:-1]) * factor if factor > 1 else int(text)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--playload", default=str(ROOT / "build/release/playload"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--events", type=number, default=3_000_000, help="of each run")
    parser.add_argument("--rdkafka-performance", metavar="PROGRAM")
    parser.add_argument("--only", action="append", default=[], metavar="NAME",
                        help="contenders (playload, kcat, rdkafka, java), instead of all")
    parser.add_argument("--codec", action="append", default=[], choices=("none", "lz4"))
    parser.add_argument("--flag", action="append", default=[], metavar="FLAG",
                        help="one more flag of `playload run`, to compare settings")
    parser.add_argument("--disk", action="store_true",
                        help=f"the broker's data where temporary files are, not in {MEMORY}")
    parser.add_argument("--json", type=pathlib.Path, help="the figures of every run")
    options = parser.parse_args()
    # Into memory where there is enough: writing back to a disk takes turns with nobody.
    if not options.disk and os.path.isdir(MEMORY) and (
            shutil.disk_usage(MEMORY).free >= MEMORY_BYTES):
        tempfile.tempdir = MEMORY
    print(f"data in {tempfile.gettempdir()}")
    only = options.only or ["playload", "rdkafka", "kcat", "java"]
    with tempfile.TemporaryDirectory(prefix="playload-kafka-bench-") as folder:
        with kafka_server.KafkaServer(properties=SERVER, heap="1g") as server:
            bench = Bench(options, pathlib.Path(folder), server)
            bench.prepare()
            # A broker that has just started compiles its code during the first runs.
            bench.warming = True
            for codec in ("none", "lz4"):
                bench.run_playload(codec)
                bench.run_rdkafka(codec)
            bench.warming = False
            for turn in range(options.rounds):
                print(f"round {turn + 1} of {options.rounds}", flush=True)
                # Every other round backwards: nobody always follows the same one.
                step = 1 if turn % 2 == 0 else -1
                for codec in (options.codec or ["none", "lz4"])[::step]:
                    for name in only[::step]:
                        # The bounds ask for kcat with a codec, for the constant payload without.
                        if (name, codec) in (("kcat", "none"), ("rdkafka", "lz4")):
                            continue
                        getattr(bench, f"run_{name}")(codec)
        code = report(bench)
        if options.json:
            options.json.write_text(json.dumps(
                {name: [dataclasses.asdict(f) for f in figures]
                 for name, figures in bench.figures.items()}, indent=2) + "\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
