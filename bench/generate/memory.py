#!/usr/bin/env python3
"""What `playload plan` announces as memory, beside what a run of the same flags had resident at most.

    python3 bench/generate/memory.py [--playload build/release/playload] [--json figures.json]

Into null with 10 k to 10 M players, paced, into files, stdout, the embedded Kafka and HTTP without
readers. Bound: within 10 %; of the embedded Kafka at full speed, that it is below "at most". Exit code
1: a bound was missed. (Seconds do not matter here, so other work may run beside it.)
"""

import subprocess
import sys

import measure

MAX = ("--rate", "max", "--threads", "1")
# The broker shares the cores with the run: how full the queue between them gets is their scheduler's.
CROWDED = "embedded Kafka, at full speed"


def cases(scratch: str) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for players, events in (("10k", "20M"), ("1M", "40M"), ("10M", "40M")):
        for threads in ("1", "2"):
            found[f"null, {players} players, {threads} threads"] = (
                "--players", players, "--rate", "max", "--threads", threads, "--events", events,
                "--to", "null")
    for rate in ("1k", "100k", "1M"):
        found[f"null, {rate}/s"] = ("--rate", rate, "--duration", "4s", "--to", "null")
    for codec in ("none", "zstd", "gzip"):
        found[f"files, compressed: {codec}"] = (
            *MAX, "--events", "2M", "--compress", codec, "--to", f"file:{scratch}/{codec}")
    found["stdout, thrown away"] = (*MAX, "--events", "5M", "--to", "stdout")
    # Long enough for the embedded broker's log of the largest topic to be full.
    found[CROWDED] = (*MAX, "--events", "10M", "--to", "kafka://embedded")
    found["embedded Kafka, 20k/s"] = ("--rate", "20k", "--duration", "8s", "--to",
                                      "kafka://embedded")
    found["HTTP, 200k/s"] = ("--rate", "200k", "--duration", "12s", "--to", "http://127.0.0.1:0")
    return found


def main() -> int:
    options = measure.arguments(__doc__.splitlines()[0]).parse_args()
    table = measure.Table()
    with measure.scratch_folder() as scratch:
        playload = measure.Playload(options.playload, scratch)
        for name, flags in cases(scratch).items():
            announced, at_most = playload.announced_bytes(*flags)
            command, _ = playload.command(*flags)
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            _, peak = measure.wait(process)
            table.add(f"{name}: announced", announced / measure.MIB, "MiB")
            table.add("    resident at most", peak / measure.MIB, "MiB")
            if name == CROWDED:
                table.bound("    of what it may be at most", peak / at_most * 100, 100, " %",
                            least=False)
            else:
                table.bound("    off by", abs(announced / peak - 1) * 100, 10, " %", least=False)
    return table.end(options.json)


if __name__ == "__main__":
    sys.exit(main())
