#!/usr/bin/env python3
"""Full speed for a long time: memory stays what it was after ten seconds, and what was announced.

    python3 bench/generate/soak.py [--playload build/release/playload] [--minutes 10]
                                   [--players 1M] [--threads N] [--json figures.json]

`playload run steady --rate max --duration ... --to null`; resident memory once a second. Bounds: from
the tenth second on it grows by less than 1 % (or 1 MiB), and its peak is within 10 % of what
`playload plan` says for the same flags. Exit code 1: a bound was missed.
"""

import json
import statistics
import subprocess
import sys
import time

import measure

SETTLED_SECONDS = 10


def slope(samples: list[tuple[float, int]]) -> float:
    """Bytes a second, by least squares."""
    at = statistics.fmean(second for second, _ in samples)
    mean = statistics.fmean(size for _, size in samples)
    above = sum((second - at) * (size - mean) for second, size in samples)
    return above / sum((second - at) ** 2 for second, _ in samples)


def main() -> int:
    parser = measure.arguments(__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--players", default="1M")
    parser.add_argument("--threads", default="")
    options = parser.parse_args()
    seconds = round(options.minutes * 60)
    if seconds < 2 * SETTLED_SECONDS:
        parser.error(f"--minutes: at least {2 * SETTLED_SECONDS} seconds are needed")
    flags = ["--players", options.players, "--rate", "max", "--duration", f"{seconds}s",
             "--to", "null"]
    flags += ["--threads", options.threads] if options.threads else []
    table = measure.Table()
    samples: list[tuple[float, int]] = []
    peak = 0
    with measure.scratch_folder() as scratch:
        playload = measure.Playload(options.playload, scratch)
        announced, _ = playload.announced_bytes(*flags)
        command, folder = playload.command(*flags)
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        begin = time.monotonic()
        while (passed := time.monotonic() - begin) < seconds - 1:
            now = measure.resident(process.pid)
            if not now:
                break
            samples.append((passed, now["VmRSS"]))
            peak = now["VmHWM"]
            if len(samples) % 60 == 0:
                print(f"  {passed:6.0f} s {now['VmRSS'] / measure.MIB:10.1f} MiB", flush=True)
            time.sleep(1)
        measure.wait(process)
        summary = json.loads((folder / "summary.json").read_text())
    table.add("events", summary["achieved_per_second"] / 1e6, "M/s")
    settled = [sample for sample in samples if sample[0] >= SETTLED_SECONDS]
    first = settled[0][1]
    most = max(size for _, size in settled)
    table.add(f"resident after {SETTLED_SECONDS} s", first / measure.MIB, "MiB")
    table.add("resident at most after that", most / measure.MIB, "MiB")
    table.add("peak", peak / measure.MIB, "MiB")
    table.add("announced by playload plan", announced / measure.MIB, "MiB")
    table.add("slope", slope(settled) * 60 / measure.MIB, "MiB a minute")
    table.bound("growth after ten seconds", (most - first) / measure.MIB,
                round(max(1.0, first / 100 / measure.MIB), 1), " MiB", least=False)
    table.bound("peak, of what was announced", abs(peak / announced - 1), 0.10, least=False)
    return table.end(options.json)


if __name__ == "__main__":
    sys.exit(main())
