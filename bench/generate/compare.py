#!/usr/bin/env python3
"""How fast playload generates, beside yardsticks of the same run on the same machine.

    python3 bench/generate/compare.py [--playload build/release/playload] [--rounds 3]
                                      [--sketch tiles.cc] [--json figures.json]

playload: scenario steady, a million players, `--rate max --to null`, with everything on: sessions,
purchases, servers, oracle, ledger and digest. Yardsticks: RapidJSON's Writer alone with prepared
strings (generate_bench); two processes of one thread side by side, which share nothing but the
machine: what it has for a second thread; with --sketch a program that is compiled here with g++ -O3, takes PLAYERS
SLICE RUN EVENTS and prints "... N M events/s ...": a simpler model, whose figure has no start-up and
no process in it. Interleaved, medians. Exit code 1: a bound was missed.

The rates of playload are from its summary: from the start of sending to the last event.
"""

import concurrent.futures
import json
import pathlib
import re
import subprocess
import sys

import measure

EVENTS = "60M"  # two to three seconds
SKETCH = ("1000000", "4096", "16", "60000000")
PLAYERS = ("--players", "1M")
ONE, CPU, TWO = "playload, 1 thread", "  by CPU time of the process", "playload, 2 threads"
SIDE_BY_SIDE = "2 processes of 1 thread, side by side"
WRITER, WRITER_O2 = "RapidJSON's Writer", "RapidJSON's Writer, built with -O2"
SKETCH_NAME = "the sketch"


def writer(bench: pathlib.Path) -> float:
    """M events/s."""
    out = subprocess.run(
        [bench, "--benchmark_filter=BM_RapidJsonWriter", "--benchmark_format=json"], check=True,
        capture_output=True, text=True, timeout=measure.TIMEOUT).stdout
    return json.loads(out)["benchmarks"][0]["items_per_second"] / 1e6


def compiled(source: pathlib.Path, scratch: pathlib.Path) -> pathlib.Path:
    program = scratch / "sketch"
    subprocess.run(["g++", "-O3", "-std=c++20", source, "-o", program], check=True,
                   timeout=measure.TIMEOUT)
    return program


def sketch(program: pathlib.Path) -> float:
    out = subprocess.run([program, *SKETCH], check=True, capture_output=True, text=True,
                         timeout=measure.TIMEOUT).stdout
    found = re.search(r"([\d.]+) M events/s", out)
    if found is None:
        raise SystemExit(f"the sketch printed no rate: {out}")
    return float(found[1])


def side_by_side(playload: measure.Playload) -> float:
    """M events/s of both together."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        both = [pool.submit(playload.run, *PLAYERS, "--threads", "1", "--rate", "max", "--events",
                            EVENTS, "--to", "null") for _ in range(2)]
        return sum(ran.result().per_second for ran in both) / 1e6


def main() -> int:
    parser = measure.arguments(__doc__.splitlines()[0], rounds=3)
    parser.add_argument("--sketch", type=pathlib.Path, metavar="SOURCE")
    options = parser.parse_args()
    benches = options.playload.parent / "bench/generate"
    table = measure.Table()
    unit = "M events/s"
    with measure.scratch_folder() as scratch:
        playload = measure.Playload(options.playload, scratch)
        program = compiled(options.sketch, playload.scratch) if options.sketch else None
        for number in range(options.rounds):
            print(f"round {number + 1} of {options.rounds}")
            for name, threads in ((ONE, "1"), (TWO, "2")):
                ran = playload.run(*PLAYERS, "--threads", threads, "--rate", "max",
                                   "--events", EVENTS, "--to", "null")
                table.add(name, ran.per_second / 1e6, unit)
                if threads == "1":
                    table.add(CPU, ran.per_cpu_second / 1e6, unit)
            table.add(SIDE_BY_SIDE, side_by_side(playload), unit)
            table.add(WRITER, writer(benches / "generate_bench"), unit)
            table.add(WRITER_O2, writer(benches / "generate_bench_o2"), unit)
            if program is not None:
                table.add(SKETCH_NAME, sketch(program), unit)
    print("medians")
    for name in table.figures:
        print(f"  {name:<58}{table.median(name):10.2f} {unit}")
    one = table.median(ONE)
    table.bound("1 thread, of RapidJSON's Writer", one / table.median(WRITER), 10, "x", least=True)
    print(f"  {'  (of the one built with -O2':<58}{one / table.median(WRITER_O2):10.2f}x)")
    if program is not None:
        table.bound("1 thread, of the sketch", one / table.median(SKETCH_NAME), 1.15, "x",
                    least=True)
    table.bound("2 threads, of 1 thread", table.median(TWO) / one, 1.9, "x", least=True)
    name = "  (of 2 processes side by side"
    print(f"  {name:<58}{table.median(TWO) / table.median(SIDE_BY_SIDE):10.2f}x)")
    return table.end(options.json)


if __name__ == "__main__":
    sys.exit(main())
