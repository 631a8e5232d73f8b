#!/usr/bin/env python3
"""How fast `playload run steady --rate max` writes files and pipes, beside plain tools that move the
same number of bytes: dd with 1 MiB blocks, a write() loop into the same reader, gzip -1 and zstd -1.

    python3 bench/transports-file/file_bench.py [--playload build/release/playload] [--rounds 3]

Each group's contenders take turns, in the opposite order every other round; medians are printed.
Times are of whole commands: start-up, the run directory, and, for files, the fsync at the end, which
dd does too (conv=fsync). In memory (/dev/shm) fsync costs nothing, so there it is the bare writing.
playload makes its events meanwhile; dd copies zeros, and the loop one MiB of memory. The target is
0.9 of the yardstick; rows marked "info" only inform.

All files are removed again; the largest there are at one time are the two that a compressor reads
and writes.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = 0.9
RUN_SECONDS = 120
# What playload writes together into a pipe, and what every system takes whole.
BLOCK, SMALL_BLOCK, LARGE_PIPE = 65536, 4096, 1 << 20


def commands_seconds(*commands, cwd=None):
    """Wall seconds of the commands, each one's stdout piped into the next, until all have ended."""
    begin = time.monotonic()
    running = []
    for number, command in enumerate(commands):
        last = number == len(commands) - 1
        running.append(subprocess.Popen(
            command, cwd=cwd, stdin=running[-1].stdout if running else subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if last else subprocess.PIPE, stderr=subprocess.PIPE))
        if number > 0:
            running[number - 1].stdout.close()
    errors = [process.stderr.read().decode() for process in running]
    for process, command, error in zip(running, commands, errors):
        if process.wait(timeout=RUN_SECONDS) != 0:
            sys.exit(f"{command}: exit code {process.returncode}\n{error}")
    return time.monotonic() - begin


class Bench:
    def __init__(self, options, scratch):
        self.options = options
        self.scratch = scratch
        self.bytes = 0
        self.rows = []

    def playload(self, to, *more):
        command = [self.options.playload, "run", "steady", "--rate", "max", "--quiet",
                   "--events", str(self.options.events), "--seed", "1", "--to", to,
                   "--run-dir", str(self.scratch / "run"), *more]
        if self.options.threads:
            command += ["--threads", str(self.options.threads)]
        return command

    def clean(self, *paths):
        for path in (self.scratch / "run", *paths):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    def measure_bytes(self):
        """Of the events of one run; it also warms up the machine's memory."""
        events = self.scratch / "events"
        commands_seconds(self.playload(f"file:{events}"))
        self.bytes = sum(file.stat().st_size for file in events.iterdir())
        self.clean(events)
        os.sync()

    def group(self, title, contenders):
        """contenders: (name, kind, function that returns seconds); the first is playload's. kind:
        "target" or "info"."""
        seconds = {name: [] for name, _, _ in contenders}
        for number in range(self.options.rounds):
            for name, _, run in contenders if number % 2 == 0 else reversed(contenders):
                seconds[name].append(run())
        median = {name: statistics.median(all_of) for name, all_of in seconds.items()}
        first = contenders[0][0]
        for name, kind, _ in contenders:
            row = {"group": title, "name": name, "kind": kind, "seconds": seconds[name],
                   "median": median[name], "gb_per_second": self.bytes / median[name] / 1e9}
            if name != first:
                row["ratio"] = median[name] / median[first]
            self.rows.append(row)
            self.show(row)

    @staticmethod
    def show(row):
        verdict = ""
        if "ratio" in row:
            verdict = f"{row['ratio']:5.2f}  "
            verdict += ("info" if row["kind"] == "info" else
                        "pass" if row["ratio"] >= TARGET else "FAIL")
        print(f"{row['group']:22} {row['name']:34} {row['median']:6.3f} s "
              f"{row['gb_per_second']:6.2f} GB/s  {verdict}", flush=True)

    def files(self, title, folder):
        events, plain = folder / "events", folder / "plain"

        def run_playload():
            seconds = commands_seconds(self.playload(f"file:{events}"))
            self.clean(events)
            os.sync()
            return seconds

        def run_dd(*flags):
            seconds = commands_seconds(
                ["dd", "if=/dev/zero", f"of={plain}", "bs=1M", f"count={self.bytes}",
                 "iflag=count_bytes", "status=none", "conv=fsync", *flags])
            self.clean(plain)
            os.sync()
            return seconds

        contenders = [("playload --to file:", "target", run_playload),
                      ("dd bs=1M conv=fsync", "target", run_dd)]
        if folder == self.scratch:
            contenders.append(("dd bs=1M conv=fsync oflag=direct", "info",
                               lambda: run_dd("oflag=direct")))
        self.group(title, contenders)

    def pipes(self, reader_name, reader):
        loop = [self.options.plain_io, "write", str(self.bytes)]

        def run_playload():
            seconds = commands_seconds(self.playload("stdout"), reader)
            self.clean()
            return seconds

        self.group(f"stdout | {reader_name}", [
            ("playload --to stdout", "target", run_playload),
            ("loop, 64 KiB blocks", "target",
             lambda: commands_seconds([*loop, str(BLOCK)], reader)),
            ("loop, 4 KiB blocks", "target",
             lambda: commands_seconds([*loop, str(SMALL_BLOCK)], reader)),
            ("loop, 64 KiB, pipe of 1 MiB", "info",
             lambda: commands_seconds([*loop, str(BLOCK), str(LARGE_PIPE)], reader))])

    def compressed(self, tool, suffix):
        events, plain = self.scratch / "events", self.scratch / "plain"
        packed = self.scratch / f"plain.{suffix}"

        def run_playload():
            seconds = commands_seconds(self.playload(f"file:{events}", "--compress", tool))
            self.clean(events)
            return seconds

        def run_tool():
            seconds = commands_seconds([tool, "-1", "-q", "-k", "-f", str(plain)])
            self.clean(packed)
            return seconds

        commands_seconds(self.playload(f"file:{events}"))
        with plain.open("wb") as out:
            for file in sorted(events.iterdir()):
                with file.open("rb") as part:
                    shutil.copyfileobj(part, out, 1 << 20)
                file.unlink()
        self.clean(events)
        os.sync()
        self.group(f"{tool}", [(f"playload --compress {tool}", "info", run_playload),
                               (f"{tool} -1 of the same bytes", "info", run_tool)])
        self.clean(plain)
        os.sync()


def check_room(folder, events):
    """About 265 bytes an event, twice; and memory for the pages, or the disk alone is measured."""
    needed = 2 * 300 * events
    if shutil.disk_usage(folder).free < 2 * needed:
        sys.exit(f"{folder}: needs {2 * needed >> 20} MiB of free space; take fewer --events")
    for line in pathlib.Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:") and int(line.split()[1]) * 1024 < 2 * needed:
            sys.exit(f"needs {2 * needed >> 20} MiB of free memory; take fewer --events")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--playload", default=str(ROOT / "build/release/playload"))
    parser.add_argument("--plain-io",
                        default=str(ROOT / "build/release/bench/transports-file/plain_io"))
    parser.add_argument("--events", type=int, default=3_000_000, help="of each run; 260 bytes each")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=0, help="as playload's; 0: its default")
    parser.add_argument("--scratch", help="folder on the file system to measure")
    parser.add_argument("--only", choices=("file", "stdout", "compress"))
    parser.add_argument("--json", help="raw figures go there")
    options = parser.parse_args()

    folder = pathlib.Path(tempfile.mkdtemp(prefix="playload-bench-", dir=options.scratch))
    memory = None
    try:
        check_room(folder, options.events)
        bench = Bench(options, folder)
        bench.measure_bytes()
        print(f"{options.events:,} events, {bench.bytes:,} bytes, medians of {options.rounds}; "
              f"ratio: playload's speed by the other's")
        if options.only in (None, "file"):
            bench.files("file", folder)
            if os.access("/dev/shm", os.W_OK):
                memory = pathlib.Path(tempfile.mkdtemp(prefix="playload-bench-", dir="/dev/shm"))
                bench.files("file in memory", memory)
        if options.only in (None, "stdout"):
            for name, reader in (("cat", ["cat"]), ("wc -c", ["wc", "-c"]),
                                 ("read 64 KiB", [options.plain_io, "read", "65536"]),
                                 ("read 1 MiB", [options.plain_io, "read", str(1 << 20)])):
                bench.pipes(name, reader)
        if options.only in (None, "compress"):
            for tool, suffix in (("zstd", "zst"), ("gzip", "gz")):
                if shutil.which(tool):
                    bench.compressed(tool, suffix)
        if options.json:
            pathlib.Path(options.json).write_text(json.dumps(bench.rows, indent=1) + "\n")
        failed = [row for row in bench.rows
                  if row["kind"] == "target" and row.get("ratio", TARGET) < TARGET]
        return 1 if failed else 0
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if memory is not None:
            shutil.rmtree(memory, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
